// How cost grows with context and concurrency: npm run bench:scaling -- [--quick]
// Fills in the table of README.md beside this file and draws scaling.svg.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { affordableSequences } from './cache-size.ts';
import { type Timing, tokensPerSecond } from './contestant.ts';
import { startEngineContestant } from './engine-contestant.ts';
import { dateAndMachine, fillIn, table } from './markdown.ts';
import { predictMinutes } from './prediction.ts';
import { drawScaling } from './scaling-plot.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: 'scripts/out/bench/int8' },
    context: { type: 'string', default: '128,512,1024,2048' },
    concurrency: { type: 'string', default: '1,4,16,64' },
    answer: { type: 'string', default: '32' },
    /** A cell that would take longer is skipped, and the table says so. */
    'cell-minutes': { type: 'string', default: '8' },
    quick: { type: 'boolean', default: false },
    /** Print the results and leave the files alone. */
    print: { type: 'boolean', default: false },
  },
});

const contexts = (flags.quick ? '128,512' : flags.context).split(',').map(Number);
const levels = (flags.quick ? '1,8' : flags.concurrency).split(',').map(Number);
const answerTokens = flags.quick ? 8 : Number(flags.answer);
const cellMinutes = Number(flags['cell-minutes']);

type Cell = Timing | string;

/** By concurrency; where there is no timing, why. */
async function measureContext(context: number): Promise<Cell[]> {
  const maxSequences = Math.max(
    ...levels.filter((level) => level <= Math.max(levels[0] ?? 1, affordableSequences(context))),
  );
  const settings = { folder: flags.folder, maxSequences, maxLength: context, temperature: 1 };
  const engine = await startEngineContestant(settings);
  // A warm-up.
  await engine.measure({ concurrency: 1, promptTokens: 16, answerTokens: 4 });
  const cells: Cell[] = [];
  let last: { concurrency: number; seconds: number } | null = null;
  for (const concurrency of levels) {
    const workload = { concurrency, promptTokens: context - answerTokens, answerTokens };
    const minutes = last === null ? 0 : predictMinutes(last, concurrency);
    let cell: Cell;
    if (concurrency > maxSequences) {
      cell = 'skipped: cache too large';
    } else if (minutes > cellMinutes) {
      cell = `skipped: would take ${Math.ceil(minutes)} min`;
    } else {
      cell = await engine.measure(workload);
      last = { concurrency, seconds: cell.seconds };
    }
    cells.push(cell);
    console.error(
      `context ${context}, ${concurrency} at once: ${typeof cell === 'string' ? cell : 'measured'}`,
    );
  }
  await engine.stop();
  return cells;
}

const results: Cell[][] = [];
for (const context of contexts) results.push(await measureContext(context));

const grid = (cell: (timing: Timing) => string): string =>
  table(
    ['context', ...levels.map((level) => `${level} at once`)],
    contexts.map((context, row) => [
      String(context),
      ...levels.map((_, column) => {
        const result = results[row]?.[column] ?? '';
        return typeof result === 'string' ? result : cell(result);
      }),
    ]),
  );

const report = `${dateAndMachine()}, ${flags.folder}. Answers of ${answerTokens} tokens to prompts that fill the rest of the context, all started at once.

Answer tokens/s, prompts included:

${grid((timing) => tokensPerSecond(timing).toFixed(1))}

Seconds until every answer has its first token:

${grid((timing) => timing.prefillSeconds.toFixed(2))}`;

if (flags.print) {
  console.log(report);
} else {
  await fillIn(new URL('./README.md', import.meta.url), 'scaling', report);
  const speeds = results.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? null : tokensPerSecond(cell))),
  );
  await writeFile(new URL('./scaling.svg', import.meta.url), drawScaling(contexts, levels, speeds));
}
