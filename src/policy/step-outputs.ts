// Where a run of the step graph writes what it found: rows over the vocabulary and numbers, for each position it scores.
import type { ElementType } from '../onnx/element-type.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';
import type { NamedTensor } from './host-inputs.ts';

const rows = ['scores', 'behavior_logprobs', 'value_probs'] as const;
const numbers = { log_normalizer: 'float32', kl: 'float32', argmax: 'int64' } as const;

export type RowOutput = (typeof rows)[number];
export type StepOutput = RowOutput | keyof typeof numbers;

export function isStepOutput(name: string): name is StepOutput {
  return (rows as readonly string[]).includes(name) || name in numbers;
}

export class StepOutputs {
  readonly vocabularySize: number;
  /** Positions there is room for. */
  readonly scored: number;
  /** What each run of `runLength` tokens holds of π̂; null where the graph does not say. */
  readonly runMasses: Tensor | null;
  readonly #tensors = new Map<StepOutput, Tensor>();

  constructor(memory: Memory, scored: number, vocabularySize: number, runs = 0) {
    this.scored = scored;
    this.runMasses = runs === 0 ? null : memory.allocate('float32', [scored, runs]);
    this.vocabularySize = vocabularySize;
    for (const name of rows) {
      this.#tensors.set(name, memory.allocate('float32', [scored, vocabularySize]));
    }
    for (const [name, type] of Object.entries(numbers) as [keyof typeof numbers, ElementType][]) {
      this.#tensors.set(name, memory.allocate(type, [scored]));
    }
  }

  tensor(name: StepOutput): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`A step has no output "${name}".`);
    return tensor;
  }

  /** Views of `count` positions; released by the caller. */
  views(first: number, count: number): NamedTensor[] {
    return [...this.#named()].map(([name, tensor]) => ({
      name,
      tensor: tensor.rows(first, count),
    }));
  }

  release(): void {
    for (const [, tensor] of this.#named()) tensor.release();
  }

  *#named(): Generator<[string, Tensor]> {
    yield* this.#tensors;
    if (this.runMasses !== null) yield ['run_masses', this.runMasses];
  }
}
