// The scores of a run that wrote into the host's memory: read where they are.
import type { Tensor } from '../onnx/tensor.ts';
import { bestMoved } from './argmax.ts';
import type { SamplingParameters } from './parameters.ts';
import type { PolicyRow } from './policy-row.ts';
import type { Sampler } from './sample.ts';
import type { StepOutputs } from './step-outputs.ts';
import type { RunScores, TokenRating } from './step-scores.ts';
import { topTokens } from './top-tokens.ts';
import { uniform } from './uniform.ts';

export class HostScores implements RunScores {
  readonly hostBytes = 0;
  readonly #sampler: Sampler;
  readonly #scores: readonly Float32Array[];
  readonly #behaviorLogprobs: readonly Float32Array[];
  readonly #valueProbs: readonly Float32Array[];
  readonly #runMasses: readonly Float32Array[];
  readonly #logNormalizer: Float32Array;
  readonly #kl: Float32Array;
  /** The lowest id of the highest score; every second word (int64, low word first). */
  readonly #argmaxWords: Int32Array;

  constructor(outputs: StepOutputs, sampler: Sampler) {
    this.#sampler = sampler;
    this.#scores = rowsOf(outputs.tensor('scores'));
    this.#behaviorLogprobs = rowsOf(outputs.tensor('behavior_logprobs'));
    this.#valueProbs = rowsOf(outputs.tensor('value_probs'));
    this.#runMasses = outputs.runMasses === null ? [] : rowsOf(outputs.runMasses);
    this.#logNormalizer = new Float32Array(outputs.tensor('log_normalizer').hostBuffer());
    this.#kl = new Float32Array(outputs.tensor('kl').hostBuffer());
    this.#argmaxWords = new Int32Array(outputs.tensor('argmax').hostBuffer());
  }

  /** They are read where the run wrote them. */
  refresh(): void {}

  logNormalizer(position: number): number {
    return valueAt(this.#logNormalizer, position);
  }

  kl(position: number): number {
    return valueAt(this.#kl, position);
  }

  movesArgmax(position: number): boolean {
    return bestMoved(rowAt(this.#behaviorLogprobs, position), this.#argmax(position));
  }

  rate(position: number, id: number): TokenRating {
    return {
      score: valueAt(rowAt(this.#scores, position), id),
      behaviorLogprob: valueAt(rowAt(this.#behaviorLogprobs, position), id),
      valueProb: valueAt(rowAt(this.#valueProbs, position), id),
    };
  }

  top(position: number, count: number): readonly number[] {
    return topTokens(rowAt(this.#scores, position), count);
  }

  draw(position: number, { sampling, drawn }: PolicyRow): number {
    const best = this.#argmax(position);
    if (sampling.temperature === 0) return best;
    const scores = rowAt(this.#scores, position);
    const draw = uniform(sampling.seed, sampling.choice, drawn);
    const runMasses = this.#runMasses[position];
    const highest = valueAt(scores, best);
    return runMasses !== undefined && isPlain(sampling)
      ? this.#sampler.sampleByRuns(scores, highest, runMasses, draw)
      : this.#sampler.sample(scores, highest, sampling, draw);
  }

  copyScores(position: number, target: Float32Array): void {
    target.set(rowAt(this.#scores, position));
  }

  #argmax(position: number): number {
    return valueAt(this.#argmaxWords, 2 * position);
  }
}

/** Whether a draw is from π̂ itself. */
function isPlain({ temperature, topK, topP, minP }: SamplingParameters): boolean {
  return temperature === 1 && topK === 0 && topP === 1 && minP === 0;
}

function rowsOf(tensor: Tensor): Float32Array[] {
  const [count = 0, size = 0] = tensor.shape;
  const all = new Float32Array(tensor.hostBuffer());
  return Array.from({ length: count }, (_, row) => all.subarray(row * size, (row + 1) * size));
}

function rowAt(rows: readonly Float32Array[], position: number): Float32Array {
  const row = rows[position];
  if (row === undefined) throw new Error(`Position ${position} was not scored.`);
  return row;
}

function valueAt(values: Float32Array | Int32Array, index: number): number {
  const value = values[index];
  if (value === undefined) throw new Error(`The step has no score ${index}.`);
  return value;
}
