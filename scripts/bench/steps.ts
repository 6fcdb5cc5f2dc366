// Times single steps: npm run bench:steps -- [--folder scripts/out/bench/int4] [--steps 40] [--threads 0]
import { parseArgs } from 'node:util';
import { EngineSteps } from './engine-step.ts';
import { engineStepTable, twoModelTable } from './step-tables.ts';
import { measureTwoModels } from './two-models.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: 'scripts/out/bench/int4' },
    batch: { type: 'string', default: '1,8,32' },
    steps: { type: 'string', default: '40' },
    threads: { type: 'string', default: '0' },
  },
});

const batches = flags.batch.split(',').map(Number);
const steps = Number(flags.steps);
const threads = Number(flags.threads);

const engine = new EngineSteps(flags.folder, Math.max(...batches), 64 + steps, threads);
const engineTimes = batches.flatMap((batch) =>
  [0, 1].map((temperature) => engine.measure(batch, temperature, steps)),
);
engine.release();
console.log(engineStepTable(engineTimes));
console.log();
console.log(
  twoModelTable(batches.map((batch) => measureTwoModels(flags.folder, batch, steps, threads))),
);
