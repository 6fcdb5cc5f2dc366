// Asks a Prometheus every query of the dashboard and the alerts: node try-queries.mjs URL FOLDER. Fails where one is not valid or,
// of the dashboard's, finds nothing. An alert finds something only while it should fire.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [, , url, folder] = process.argv;

async function get(path, parameters = {}) {
  const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const { status, error, data } = await answer.json();
  if (status !== 'success') throw new Error(error);
  return data;
}

const { panels } = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8'));
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({
    name: `${title}: ${legendFormat}`,
    expr: expr.replaceAll(/\$(instance|model)/g, '.*').replaceAll('$__rate_interval', '20s'),
  })),
);

let empty = 0;
for (const { name, expr } of queries) {
  const { result } = await get('query', { query: expr });
  const values = result.map(({ value }) => Number(value[1]));
  const found = values.filter((value) => !Number.isNaN(value));
  if (found.length === 0) empty += 1;
  const shown = found.map((value) => Number(value.toPrecision(3))).join(', ');
  console.log(`${found.length === 0 ? 'NOTHING' : 'ok     '} ${name} = ${shown}`);
}

const { groups } = await get('rules');
const rules = groups.flatMap((group) => group.rules);
for (const { name, health, state, lastError } of rules) {
  if (health !== 'ok') empty += 1;
  console.log(
    `${health === 'ok' ? 'ok     ' : 'BROKEN '} alert ${name}: ${state} ${lastError ?? ''}`,
  );
}
console.log(
  `${queries.length} queries of the dashboard and ${rules.length} alerts asked, ${empty} without an answer`,
);
process.exitCode = empty === 0 ? 0 : 1;
