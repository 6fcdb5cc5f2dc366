// What the second model costs: the step graph of both, and at β 0, against each one's own graph, in turns.
import { join } from 'node:path';
import { Runtime } from '../../src/onnx/runtime.ts';
import { BareGraph } from './bare-graph.ts';
import { median, medianRatio } from './statistics.ts';

const graphs = [
  { file: 'step.onnx', usesValue: true },
  { file: 'step.onnx', usesValue: false },
  { file: 'behavior.onnx', usesValue: false },
  { file: 'value.onnx', usesValue: false },
] as const;
/** The threads of the graph before spin for a while, and the processor's cache is full of its weights. */
const settlingRuns = 6;
const runsATurn = 4;

export interface TwoModelTimes {
  readonly batch: number;
  readonly bothMs: number;
  readonly oneMs: number;
  /** Both models and their combination, to the behavior model alone. */
  readonly toOne: number;
  /** The same graph where every β is 0, to the behavior model alone. */
  readonly idleToOne: number;
  /** Both models and their combination, to one run of each after the other. */
  readonly toEachAlone: number;
}

export function measureTwoModels(
  folder: string,
  batch: number,
  steps: number,
  threads: number,
): TwoModelTimes {
  const runtime = new Runtime(null);
  const opened = graphs.map(
    ({ file, usesValue }) =>
      new BareGraph(runtime, {
        path: join(folder, file),
        usesValue,
        batch,
        past: 64,
        cacheLength: 128,
        threads,
      }),
  );
  const times = opened.map((): number[] => []);
  for (let turn = 0; turn < Math.ceil(steps / runsATurn); turn++) {
    for (const [index, graph] of opened.entries()) {
      for (let run = 0; run < settlingRuns; run++) graph.run();
      for (let run = 0; run < runsATurn; run++) {
        const startMs = performance.now();
        graph.run();
        times[index]?.push(performance.now() - startMs);
      }
    }
  }
  for (const graph of opened) graph.release();
  runtime.release();
  const [both = [], idle = [], behavior = [], value = []] = times;
  const eachAlone = behavior.map((ms, step) => ms + (value[step] ?? Number.NaN));
  return {
    batch,
    bothMs: median(both),
    oneMs: median(behavior),
    toOne: medianRatio(both, behavior),
    idleToOne: medianRatio(idle, behavior),
    toEachAlone: medianRatio(both, eachAlone),
  };
}
