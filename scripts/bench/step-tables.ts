// The figures of single steps as tables.
import type { StepTimes } from './engine-step.ts';
import { table } from './markdown.ts';
import type { TwoModelTimes } from './two-models.ts';

export function engineStepTable(times: readonly StepTimes[]): string {
  return table(
    ['batch', 'temperature', 'engine step, ms', 'its runs of the graphs, ms', 'ratio', 'tokens/s'],
    times.map(({ batch, temperature, engineMs, bareMs, ratio }) => [
      String(batch),
      temperature === 0 ? '0 (greedy)' : String(temperature),
      engineMs.toFixed(1),
      bareMs.toFixed(1),
      `${ratio.toFixed(3)} ×`,
      ((batch / engineMs) * 1000).toFixed(0),
    ]),
  );
}

export function twoModelTable(times: readonly TwoModelTimes[]): string {
  return table(
    [
      'batch',
      'two models, ms',
      'one model, ms',
      'two to one',
      'two at β 0 to one',
      'side by side to one graph',
    ],
    times.map(({ batch, bothMs, oneMs, toOne, idleToOne, toOneGraph }) => [
      String(batch),
      bothMs.toFixed(1),
      oneMs.toFixed(1),
      `${toOne.toFixed(2)} ×`,
      `${idleToOne.toFixed(2)} ×`,
      `${toOneGraph.toFixed(2)} ×`,
    ]),
  );
}
