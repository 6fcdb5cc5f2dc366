// The small inputs of the step graph: host memory written before every run.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import type { Memory } from '../onnx/tensor.ts';
import { HostInputs, type NamedTensor } from './host-inputs.ts';
import { type StepBatch, type StepRow, tokensRun, usesValue } from './step-batch.ts';

export interface StepCapacity {
  /** Rows of a run. */
  readonly sequences: number;
  /** Tokens of a run over all its rows, padding included. */
  readonly tokens: number;
  /** Positions a run scores. */
  readonly scored: number;
}

export interface RunShape {
  readonly rows: number;
  /** Of all rows, padding included. */
  readonly tokens: number;
  readonly scored: number;
  /** Position of the batch at which its scores begin: not 0 where the batch is run in parts. */
  readonly firstScored: number;
}

/** Where the rows of a run lie among its tokens and in the cache, as its layout says it. */
export interface RowLengths {
  /** Rows come one behind the other; else each is padded to the run's width. */
  readonly isPacked: boolean;
  /** Of `input_ids` and of the layout's own inputs. */
  shapes(run: RunShape): Record<string, readonly number[]>;
  fill(batch: StepBatch): void;
}

export class StepInputs {
  readonly #inputs: HostInputs;
  readonly #lengths: RowLengths;
  // Int64 as pairs of 32-bit words, low first: all values fit the low word, and the high ones stay 0.
  readonly #inputIds: Int32Array;
  readonly #scoreIndex: Int32Array;
  readonly #beta: Float32Array;
  readonly #behaviorWeight: Float32Array;
  readonly #ratio: Float32Array;
  readonly #useValue: Uint8Array;

  constructor(
    host: Memory,
    { tokens, scored }: StepCapacity,
    lengths: (inputs: HostInputs) => RowLengths,
  ) {
    const inputs = new HostInputs(host);
    this.#inputs = inputs;
    this.#inputIds = new Int32Array(inputs.allocate('input_ids', 'int64', [tokens]));
    this.#scoreIndex = new Int32Array(inputs.allocate('score_index', 'int64', [scored]));
    this.#beta = new Float32Array(inputs.allocate('beta', 'float32', [scored]));
    this.#behaviorWeight = new Float32Array(
      inputs.allocate('behavior_weight', 'float32', [scored]),
    );
    this.#ratio = new Float32Array(inputs.allocate('ratio', 'float32', [scored]));
    this.#useValue = new Uint8Array(inputs.allocate('use_value', 'bool', []));
    this.#lengths = lengths(inputs);
  }

  /** What the models take of a run, in its shapes; released by the caller, as all views are. */
  modelViews(run: RunShape): NamedTensor[] {
    const shapes = { ...this.#lengths.shapes(run), score_index: [run.scored] };
    return Object.entries(shapes).map(([name, shape]) => this.#inputs.view(name, 0, shape));
  }

  /** What their combination takes beside logits, for `count` of the scored positions. */
  combinationViews(first: number, count: number): NamedTensor[] {
    const columns = ['beta', 'behavior_weight', 'ratio'];
    return [
      ...columns.map((name) => this.#inputs.view(name, first, [count])),
      this.#inputs.view('use_value', 0, []),
    ];
  }

  fill(batch: StepBatch): RunShape {
    const { rows, width, scoring, followers = [] } = batch;
    let tokens = 0;
    let last = 0;
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index]!;
      const count = tokensRun(row, width);
      const taken = this.#lengths.isPacked ? count : width;
      this.#writeTokens(row, tokens, taken, count);
      last = tokens + count - 1;
      if (scoring === 'last') this.#writeScored(index, last, row);
      tokens += taken;
    }
    this.#lengths.fill(batch);
    this.#useValue[0] = Number(usesValue(rows));
    if (scoring === 'last') {
      for (let index = 0; index < followers.length; index++) {
        this.#writeScored(rows.length + index, last, followers[index]!);
      }
      const scored = rows.length + followers.length;
      return { rows: rows.length, tokens, scored, firstScored: 0 };
    }
    for (let position = 0; position < tokens; position++) {
      this.#writeScored(position, position, rows[0]!);
    }
    return { rows: rows.length, tokens, scored: tokens, firstScored: 0 };
  }

  release(): void {
    this.#inputs.release();
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
