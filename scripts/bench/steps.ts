// Times single steps against the bare graph, and two models against one: npm run bench:steps -- [--quick] [--folder FOLDER]
// Fills in the tables of README.md beside this file and writes steps.json.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { EngineSteps } from './engine-step.ts';
import { dateAndMachine, fillIn } from './markdown.ts';
import { engineStepTable, twoModelTable } from './step-tables.ts';
import { measureTwoModels } from './two-models.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: 'scripts/out/bench/int8' },
    batch: { type: 'string', default: '1,8,32' },
    steps: { type: 'string', default: '40' },
    threads: { type: 'string', default: '0' },
    /** To see that everything runs: its figures mean little. */
    quick: { type: 'boolean', default: false },
    /** Print the results and leave the files alone. */
    print: { type: 'boolean', default: false },
  },
});

const batches = flags.batch.split(',').map(Number);
const steps = flags.quick ? 6 : Number(flags.steps);
const threads = Number(flags.threads);

const engine = new EngineSteps(flags.folder, Math.max(...batches), 64 + steps, threads);
const engineSteps = batches.flatMap((batch) =>
  [0, 1].map((temperature) => engine.measure(batch, temperature, steps)),
);
engine.release();
const twoModels = batches.map((batch) => measureTwoModels(flags.folder, batch, steps, threads));

const machine = `${dateAndMachine()}, ${flags.folder}`;
const report = `${machine}. Medians of ${steps} steps.

The engine's step against its own runs of the graphs:

${engineStepTable(engineSteps)}

Two models against one in the same engine:

${twoModelTable(twoModels)}`;

if (flags.print) {
  console.log(report);
} else {
  await fillIn(new URL('./README.md', import.meta.url), 'steps', report);
  await writeFile(
    new URL('./steps.json', import.meta.url),
    `${JSON.stringify({ machine, steps, engineSteps, twoModels }, null, 2)}\n`,
  );
}
