// What a run leaves for each position it scored: host memory, overwritten by the next run.
import type { ElementType } from '../onnx/element-type.ts';
import type { Memory } from '../onnx/tensor.ts';
import type { NamedTensor } from './step-inputs.ts';

/** Indexed by scored position, in the order of the batch's rows. */
export interface StepScores {
  /** behaviorWeight · log π_φ + β · q over the vocabulary; `reservedScore` where no policy may go. */
  readonly scores: readonly Float32Array[];
  /** log π_φ over the vocabulary. */
  readonly behaviorLogprobs: readonly Float32Array[];
  /** p_θ over the vocabulary; means nothing for a row that does not need the value model. */
  readonly valueProbs: readonly Float32Array[];
  /** log Σ exp(scores): scores minus this is log π̂. */
  readonly logNormalizer: Float32Array;
  /** KL(π̂ ‖ π_φ) in nats, to rounding. */
  readonly kl: Float32Array;
  /** The token of the highest score, the lowest id of equals; every second word (int64, low word first). */
  readonly argmaxWords: Int32Array;
}

export class StepOutputs implements StepScores {
  readonly scores: readonly Float32Array[];
  readonly behaviorLogprobs: readonly Float32Array[];
  readonly valueProbs: readonly Float32Array[];
  readonly logNormalizer: Float32Array;
  readonly kl: Float32Array;
  readonly argmaxWords: Int32Array;
  readonly #vocabularySize: number;
  readonly #tensors: NamedTensor[] = [];

  constructor(host: Memory, scored: number, vocabularySize: number) {
    this.#vocabularySize = vocabularySize;
    const allocate = (name: string, type: ElementType, shape: readonly number[]): ArrayBuffer => {
      const tensor = host.allocate(type, shape);
      this.#tensors.push({ name, tensor });
      return tensor.hostBuffer();
    };
    const allocateRows = (name: string): Float32Array[] => {
      const buffer = allocate(name, 'float32', [scored, vocabularySize]);
      return Array.from(
        { length: scored },
        (_, row) =>
          new Float32Array(
            buffer,
            row * vocabularySize * Float32Array.BYTES_PER_ELEMENT,
            vocabularySize,
          ),
      );
    };
    this.scores = allocateRows('scores');
    this.behaviorLogprobs = allocateRows('behavior_logprobs');
    this.valueProbs = allocateRows('value_probs');
    this.logNormalizer = new Float32Array(allocate('log_normalizer', 'float32', [scored]));
    this.kl = new Float32Array(allocate('kl', 'float32', [scored]));
    this.argmaxWords = new Int32Array(allocate('argmax', 'int64', [scored]));
  }

  /** Views of the outputs' first `scored` rows; released by the caller. */
  views(scored: number): NamedTensor[] {
    return this.#tensors.map(({ name, tensor }) => ({
      name,
      tensor: tensor.view(0, tensor.shape.length === 2 ? [scored, this.#vocabularySize] : [scored]),
    }));
  }

  release(): void {
    for (const { tensor } of this.#tensors) tensor.release();
  }
}
