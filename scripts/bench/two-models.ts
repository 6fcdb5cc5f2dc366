// What the second model costs: the step graph of both against each one's own graph, in turns.
import { join } from 'node:path';
import { Runtime } from '../../src/onnx/runtime.ts';
import { BareGraph } from './bare-graph.ts';
import { median, medianRatio } from './statistics.ts';

const graphs = ['step.onnx', 'behavior.onnx', 'value.onnx'] as const;
const warmUpTurns = 3;

export interface TwoModelTimes {
  readonly batch: number;
  readonly bothMs: number;
  readonly oneMs: number;
  /** Both models and their combination, to the behavior model alone. */
  readonly toOne: number;
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
    (name) =>
      new BareGraph(runtime, {
        path: join(folder, name),
        batch,
        past: 64,
        cacheLength: 128,
        threads,
      }),
  );
  const times = opened.map((): number[] => []);
  for (let turn = 0; turn < warmUpTurns + steps; turn++) {
    for (const [index, graph] of opened.entries()) {
      // The threads of the graph before may still be spinning in its first run.
      graph.run();
      const startMs = performance.now();
      graph.run();
      if (turn >= warmUpTurns) times[index]?.push(performance.now() - startMs);
    }
  }
  for (const graph of opened) graph.release();
  runtime.release();
  const [both = [], behavior = [], value = []] = times;
  const eachAlone = behavior.map((ms, step) => ms + (value[step] ?? Number.NaN));
  return {
    batch,
    bothMs: median(both),
    oneMs: median(behavior),
    toOne: medianRatio(both, behavior),
    toEachAlone: medianRatio(both, eachAlone),
  };
}
