// What the second model costs: a step of both side by side, of both in one graph and at β 0, against one model alone, in turns.
import { join } from 'node:path';
import { Runtime } from '../../src/onnx/runtime.ts';
import { loadPolicy } from '../../src/policy/load-policy.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { BareGraph } from './bare-graph.ts';
import { launchBuiltSideThread } from './built-side-thread.ts';
import { median, medianRatio } from './statistics.ts';
import { decode } from './step-pairs.ts';

/** The threads of the graph before spin for a while, and the processor's cache is full of its weights. */
const settlingRuns = 6;
const runsATurn = 4;
const past = 64;
const cacheLength = 128;

export interface TwoModelTimes {
  readonly batch: number;
  /** As the engine runs them: side by side. */
  readonly bothMs: number;
  readonly oneMs: number;
  /** Both models and their combination, to the behavior model alone on all threads. */
  readonly toOne: number;
  /** The same where every β is 0. */
  readonly idleToOne: number;
  /** Side by side, to `step.onnx` on all threads. */
  readonly toOneGraph: number;
}

export function measureTwoModels(
  folder: string,
  batch: number,
  steps: number,
  threads: number,
): TwoModelTimes {
  const runtime = new Runtime(null);
  const policy = loadPolicy({
    modelFolder: folder,
    device: 'cpu',
    libraryPath: null,
    launchSideThread: launchBuiltSideThread,
    threads,
    maxLength: cacheLength,
    capacity: { sequences: batch, tokens: batch, scored: batch },
  });
  const bare = (file: string): BareGraph =>
    new BareGraph(runtime, {
      path: join(folder, file),
      ...{ usesValue: true, batch, past, cacheLength, threads },
    });
  const graphs = [bare('step.onnx'), bare('behavior.onnx')];
  const steppers = [
    () => step(policy, batch, 1),
    () => step(policy, batch, 0),
    ...graphs.map((graph) => () => graph.run()),
  ];
  const times = steppers.map((): number[] => []);
  for (let turn = 0; turn < Math.ceil(steps / runsATurn); turn++) {
    for (const [index, run] of steppers.entries()) {
      for (let warmUp = 0; warmUp < settlingRuns; warmUp++) run();
      for (let timed = 0; timed < runsATurn; timed++) {
        const startMs = performance.now();
        run();
        times[index]?.push(performance.now() - startMs);
      }
    }
  }
  for (const owned of [...graphs, policy, runtime]) owned.release();
  const [both = [], idle = [], oneGraph = [], behavior = []] = times;
  return {
    batch,
    bothMs: median(both),
    oneMs: median(behavior),
    toOne: medianRatio(both, behavior),
    idleToOne: medianRatio(idle, behavior),
    toOneGraph: medianRatio(both, oneGraph),
  };
}

function step(policy: Policy, rows: number, beta: number): void {
  policy.step(decode(rows, past, beta));
}
