// The small inputs of the step graph: host memory written before every run.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import type { ElementType } from '../onnx/element-type.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';
import { type StepBatch, type StepRow, tokensRun, usesValue } from './step-batch.ts';

export interface StepCapacity {
  /** Rows of a run. */
  readonly sequences: number;
  /** Tokens of a run over all its rows, padding included. */
  readonly tokens: number;
  /** Positions a run scores. */
  readonly scored: number;
}

export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

export class StepInputs {
  readonly #tensors: Record<string, Tensor>;
  // Int64 as pairs of 32-bit words, low first: all values fit the low word, and the high ones stay 0.
  readonly #inputIds: Int32Array;
  readonly #scoreIndex: Int32Array;
  readonly #seqlens: Int32Array;
  readonly #totalLength: Int32Array;
  readonly #beta: Float32Array;
  readonly #behaviorWeight: Float32Array;
  readonly #ratio: Float32Array;
  readonly #useValue: Uint8Array;

  constructor(host: Memory, capacity: StepCapacity) {
    const tensors: Record<string, Tensor> = {};
    const allocate = (name: string, type: ElementType, shape: readonly number[]): ArrayBuffer => {
      const tensor = host.allocate(type, shape);
      tensors[name] = tensor;
      const buffer = tensor.hostBuffer();
      new Uint8Array(buffer).fill(0);
      return buffer;
    };
    this.#inputIds = new Int32Array(allocate('input_ids', 'int64', [capacity.tokens]));
    this.#scoreIndex = new Int32Array(allocate('score_index', 'int64', [capacity.scored]));
    this.#seqlens = new Int32Array(allocate('seqlens_k', 'int32', [capacity.sequences]));
    this.#totalLength = new Int32Array(allocate('total_sequence_length', 'int32', []));
    this.#beta = new Float32Array(allocate('beta', 'float32', [capacity.scored]));
    this.#behaviorWeight = new Float32Array(
      allocate('behavior_weight', 'float32', [capacity.scored]),
    );
    this.#ratio = new Float32Array(allocate('ratio', 'float32', [capacity.scored]));
    this.#useValue = new Uint8Array(allocate('use_value', 'bool', []));
    this.#tensors = tensors;
  }

  /** Views of the inputs' first rows in the shapes of one run; released by the caller. */
  views(sequences: number, width: number, scored: number): NamedTensor[] {
    const shapes: Record<string, readonly number[]> = {
      input_ids: [sequences, width],
      seqlens_k: [sequences],
      total_sequence_length: [],
      use_value: [],
    };
    return Object.entries(this.#tensors).map(([name, tensor]) => ({
      name,
      tensor: tensor.view(0, shapes[name] ?? [scored]),
    }));
  }

  fill({ rows, width, scoring }: StepBatch): void {
    let longestPast = 0;
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index]!;
      const count = tokensRun(row, width);
      this.#writeTokens(row, index * width, width, count);
      // GroupQueryAttention counts the padding too: a row's past + width − 1.
      this.#seqlens[index] = row.past + width - 1;
      if (row.past > longestPast) longestPast = row.past;
      if (scoring === 'last') this.#writeScored(index, index * width + count - 1, row);
    }
    this.#totalLength[0] = longestPast + width;
    this.#useValue[0] = Number(usesValue(rows));
    if (scoring === 'every') {
      for (let position = 0; position < width; position++) {
        this.#writeScored(position, position, rows[0]!);
      }
    }
  }

  release(): void {
    for (const tensor of Object.values(this.#tensors)) tensor.release();
  }

  #writeTokens(row: StepRow, start: number, width: number, count: number): void {
    for (let offset = 0; offset < width; offset++) {
      this.#inputIds[2 * (start + offset)] = offset < count ? row.tokens[row.past + offset]! : 0;
    }
  }

  #writeScored(index: number, position: number, { weights }: StepRow): void {
    this.#scoreIndex[2 * index] = position;
    this.#beta[index] = weights.beta;
    this.#behaviorWeight[index] = weights.behaviorWeight;
    this.#ratio[index] = weights.ratio;
  }
}
