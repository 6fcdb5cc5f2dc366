// Does to real servers what happens to them in production, and reports what became of every request: npm run chaos
// The exit code tells whether anything that was accepted vanished without its client being told.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Ledger, OUTCOMES } from './chaos/ledger.ts';
import { SCENARIOS, type Scenario, type Setting } from './chaos/scenarios.ts';

export interface ScenarioResult {
  readonly name: string;
  readonly ledger: Ledger;
  /** What was not as it should be. */
  readonly problems: readonly string[];
}

export interface ChaosOptions {
  readonly model: string;
  /** Of each scenario. */
  readonly seconds: number;
  readonly onResult?: (result: ScenarioResult) => void;
}

export async function chaos({ model, seconds, onResult }: ChaosOptions): Promise<ScenarioResult[]> {
  const { id }: { id: string } = JSON.parse(readFileSync(join(model, 'policy.json'), 'utf8'));
  const results: ScenarioResult[] = [];
  for (const scenario of SCENARIOS) {
    const result = await play(scenario, { model, policy: id, seconds, ledger: new Ledger() });
    results.push(result);
    onResult?.(result);
  }
  return results;
}

async function play({ name, allows, run }: Scenario, setting: Setting): Promise<ScenarioResult> {
  const { ledger } = setting;
  const problems: string[] = [];
  try {
    await run(setting);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  const right = new Set(['served', 'refused', 'left', ...allows]);
  const wrong = OUTCOMES.filter((outcome) => !right.has(outcome) && ledger.counts[outcome] > 0);
  for (const [reason, count] of ledger.reasons) {
    if (wrong.some((outcome) => reason.startsWith(`${outcome}:`))) {
      problems.push(`${count} × ${reason}`);
    }
  }
  if (ledger.counts.served === 0) problems.push('nothing was served');
  return { name, ledger, problems };
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      model: { type: 'string', default: 'models/wordle' },
      seconds: { type: 'string', default: '5' },
    },
  });
  const columns = ['scenario', 'sent', ...OUTCOMES];
  console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => ' --- |').join('')}`);
  const results = await chaos({
    model: flags.model,
    seconds: Number(flags.seconds),
    onResult: ({ name, ledger }) => {
      const counts = OUTCOMES.map((outcome) => ledger.counts[outcome]);
      console.log(`| ${[name, ledger.sent, ...counts].join(' | ')} |`);
    },
  });
  const problems = results.flatMap(({ name, problems }) =>
    problems.map((problem) => `${name}: ${problem}`),
  );
  console.log(problems.length === 0 ? '\nNothing was lost.' : `\n${problems.join('\n')}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
