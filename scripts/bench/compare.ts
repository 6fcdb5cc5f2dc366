// This project's engine and server against the peers, in turns: npm run bench:compare -- [--quick] [--python PYTHON]
// Fills in the results of README.md beside this file and writes results.json.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ratioRows, speedRows } from './compare-tables.ts';
import { engineEntry, madePrecisions, peerEntries, serverEntry } from './contestants.ts';
import { dateAndMachine, fillIn, table } from './markdown.ts';
import { runRounds } from './rounds.ts';

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string', default: 'scripts/out/bench' },
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '1,8,32' },
    prompt: { type: 'string', default: '32' },
    answer: { type: 'string', default: '64' },
    /** To see that everything runs: its figures mean little. */
    quick: { type: 'boolean', default: false },
    /** Print the results and leave the files alone. */
    print: { type: 'boolean', default: false },
  },
});

const levels = flags.concurrency.split(',').map(Number);
const rounds = flags.quick ? 1 : Number(flags.rounds);
const workloads = levels.map((concurrency) => ({
  concurrency,
  promptTokens: Number(flags.prompt),
  answerTokens: flags.quick ? 8 : Number(flags.answer),
}));
const sizes = {
  models: flags.models,
  maxSequences: Math.max(...levels),
  workload: { promptTokens: Number(flags.prompt), answerTokens: Number(flags.answer) },
};

const precisions = madePrecisions(flags.models);
const ours = [
  ...precisions.map((precision) => engineEntry(sizes, precision)),
  ...precisions.slice(0, 1).map((precision) => serverEntry(sizes, precision)),
];
const peers = peerEntries(flags.models, flags.python);
const timings = await runRounds([...ours, ...peers], workloads, rounds);

const headings = levels.map((level) => `${level} at once`);
const { promptTokens = 0, answerTokens = 0 } = workloads[0] ?? {};
const report = `${dateAndMachine()}. Medians of ${rounds} rounds; answers of ${answerTokens} tokens to prompts of ${promptTokens}.

Tokens/s of the left over the right, prompts included:

${table(['', ...headings], ratioRows(timings, workloads, peers, precisions))}

Tokens/s, which hold for that machine on that day only:

${table(['', ...headings], speedRows(timings, workloads, [...ours, ...peers]))}`;

if (flags.print) {
  console.log(report);
} else {
  await fillIn(new URL('./README.md', import.meta.url), 'results', report);
  const everything = {
    machine: dateAndMachine(),
    rounds,
    workloads,
    timings: Object.fromEntries(timings),
  };
  await writeFile(
    new URL('./results.json', import.meta.url),
    `${JSON.stringify(everything, null, 2)}\n`,
  );
}
