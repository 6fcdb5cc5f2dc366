// Every table of README.md beside this file, one part after the other: npm run bench:all -- [--quick] [--part compare,steps]
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { dateAndMachine, fillIn } from './markdown.ts';

const { values: flags } = parseArgs({
  options: {
    part: { type: 'string', default: 'steps,profile,speculative,conversation,scaling,compare' },
    models: { type: 'string', default: 'scripts/out/bench' },
    /** Within `models`: what all parts but the comparison measure. */
    precision: { type: 'string', default: 'int8' },
    python: { type: 'string', default: 'python3' },
    /** To see that everything runs: its figures mean little, and no file is written. */
    quick: { type: 'boolean', default: false },
  },
});

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folder = `${flags.models}/${flags.precision}`;
const quick = flags.quick ? ['--quick', '--print'] : [];

const script = async (name: string, ...args: readonly string[]): Promise<void> => {
  console.log(await run(process.execPath, [...process.execArgv, here(name), ...args, ...quick]));
};

/** A Python script prints its table, which has a place of its own in README.md. */
const table = async (place: string, name: string, ...args: readonly string[]): Promise<void> => {
  const output = await run(flags.python, [here(name), ...args]);
  const report = `${dateAndMachine()}, ${output.trim()}`;
  if (flags.quick) console.log(report);
  else await fillIn(new URL('./README.md', import.meta.url), place, report);
};

const parts: Readonly<Record<string, () => Promise<void>>> = {
  steps: () => script('steps.ts', '--folder', folder),
  profile: () =>
    table('profile', 'step_profile.py', folder, ...(flags.quick ? ['--batch', '1'] : [])),
  speculative: () =>
    table('speculative', 'speculative.py', folder, ...(flags.quick ? ['--games', '8'] : [])),
  conversation: () => script('conversation.ts', '--folder', folder),
  scaling: () => script('scaling.ts', '--folder', folder),
  compare: () => script('compare.ts', '--models', flags.models, '--python', flags.python),
};

/** What it printed; its complaints go where ours go. */
async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}.\n${output}`);
  return output;
}

for (const name of flags.part.split(',')) {
  const part = parts[name];
  if (!part) throw new Error(`--part ${name}: there are ${Object.keys(parts).join(', ')}.`);
  const startMs = performance.now();
  console.error(`\n== ${name}`);
  try {
    await part();
  } catch (error) {
    // The other parts' tables are worth having.
    console.error(error);
    process.exitCode = 1;
  }
  console.error(`== ${name}: ${((performance.now() - startMs) / 60_000).toFixed(1)} min`);
}
