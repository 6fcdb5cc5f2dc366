// How cost grows with context and concurrency: npm run bench:scaling -- [--quick]
// Fills in the table of README.md beside this file and draws scaling.svg.
import { writeFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { parseArgs } from 'node:util';
import { decodedPerSecond, type Timing, tokensPerSecond } from './contestant.ts';
import { startEngineContestant } from './engine-contestant.ts';
import { dateAndMachine, fillIn, table } from './markdown.ts';
import { drawScaling } from './scaling-plot.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: 'scripts/out/bench/int4' },
    context: { type: 'string', default: '128,512,1024,2048' },
    concurrency: { type: 'string', default: '1,4,16,64' },
    answer: { type: 'string', default: '32' },
    quick: { type: 'boolean', default: false },
    /** Print the results and leave the files alone. */
    print: { type: 'boolean', default: false },
  },
});

/** Of both models' keys and values in float32, for the shape of `make_model.py`. */
const cacheBytesPerToken = 2 * 30 * 2 * 3 * 64 * 4;

const contexts = (flags.quick ? '128,512' : flags.context).split(',').map(Number);
const levels = (flags.quick ? '1,8' : flags.concurrency).split(',').map(Number);
const answerTokens = flags.quick ? 8 : Number(flags.answer);

/** By concurrency; null where the cache would not leave half of the free memory free. */
async function measureContext(context: number): Promise<(Timing | null)[]> {
  const affordable = freemem() / 2 / (context * cacheBytesPerToken);
  const maxSequences = Math.max(...levels.filter((level) => level <= affordable));
  const settings = { folder: flags.folder, maxSequences, maxLength: context, temperature: 1 };
  const engine = await startEngineContestant(settings);
  const timings: (Timing | null)[] = [];
  for (const concurrency of levels) {
    const workload = { concurrency, promptTokens: context - answerTokens, answerTokens };
    timings.push(concurrency <= maxSequences ? await engine.measure(workload) : null);
    console.error(`context ${context}, ${concurrency} at once: measured`);
  }
  await engine.stop();
  return timings;
}

const results: (Timing | null)[][] = [];
for (const context of contexts) results.push(await measureContext(context));

const grid = (cell: (timing: Timing, concurrency: number) => string): string =>
  table(
    ['context', ...levels.map((level) => `${level} at once`)],
    contexts.map((context, row) => [
      String(context),
      ...levels.map((level, column) => {
        const timing = results[row]?.[column];
        return timing ? cell(timing, level) : 'cache too large';
      }),
    ]),
  );

const report = `${dateAndMachine()}. Answers of ${answerTokens} tokens to prompts that fill the rest of the context, all started at once.

Answer tokens/s, prompts included (while decoding alone):

${grid((timing, level) => `${tokensPerSecond(timing).toFixed(1)} (${decodedPerSecond(timing, { concurrency: level }).toFixed(1)})`)}

Seconds until every answer has its first token:

${grid((timing) => timing.prefillSeconds.toFixed(2))}`;

if (flags.print) {
  console.log(report);
} else {
  await fillIn(new URL('./README.md', import.meta.url), 'scaling', report);
  const speeds = results.map((row) =>
    row.map(
      (timing, column) => timing && decodedPerSecond(timing, { concurrency: levels[column] ?? 1 }),
    ),
  );
  await writeFile(new URL('./scaling.svg', import.meta.url), drawScaling(contexts, levels, speeds));
}
