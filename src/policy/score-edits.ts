// What a request changes of the combined scores before its token is drawn, in this order:
//
// 1. repetition_penalty r, presence_penalty p and frequency_penalty f, for a token that was generated `count` times:
//      log π̂ ← r · log π̂ (tokens of the prompt too),  then  − f · count − p (generated tokens only)
// 2. logit_bias is added.
// 3. Masked are: until min_tokens are drawn, tokens that would end the answer; tokens that are not allowed; and tokens
//    that would complete a banned row, unless no other token is left.
//
// The rule that other servers apply to logits (divide what is positive by r, multiply what is negative) is applied to
// log-probabilities: scores are known up to a constant, which must not decide what a penalty does. They are never
// positive, so r > 1 makes a token less likely under every extraction and β, and a token of probability 1 keeps it.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { BannedSequences } from './banned-sequences.ts';
import type { ScoreEditParameters } from './parameters.ts';
import { reservedScore } from './reserved-score.ts';

export interface EditedSequence {
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly vocabularySize: number;
  /** The tokens that end the answer. */
  readonly endingIds: ReadonlySet<number>;
}

/** Of one sequence; all its memory is allocated here, at its start. */
export class ScoreEdits {
  readonly #parameters: ScoreEditParameters;
  readonly #biasedIds: Int32Array;
  readonly #biases: Float64Array;
  readonly #endingIds: Int32Array;
  /** Each token that a penalty is due for, once. */
  readonly #seen: Int32Array;
  /** By token id: times generated, plus 1 once it has been seen; empty without penalties. */
  readonly #counts: Uint32Array;
  readonly #allowedIds: Int32Array | null;
  /** The scores of the allowed tokens, while all others are masked. */
  readonly #allowedScores: Float32Array;
  readonly #bans: BannedSequences | null;
  #seenCount = 0;
  #drawn = 0;

  constructor(parameters: ScoreEditParameters, sequence: EditedSequence) {
    const { logitBias, presencePenalty, frequencyPenalty, repetitionPenalty } = parameters;
    const { allowedTokenIds, bannedSequences } = parameters;
    const { promptIds, maxTokens, vocabularySize, endingIds } = sequence;
    this.#parameters = parameters;
    this.#biasedIds = Int32Array.from(logitBias, ([id]) => id);
    this.#biases = Float64Array.from(logitBias, ([, bias]) => bias);
    this.#endingIds = Int32Array.from(endingIds);
    this.#allowedIds = allowedTokenIds === null ? null : Int32Array.from(allowedTokenIds);
    this.#allowedScores = new Float32Array(allowedTokenIds?.length ?? 0);
    this.#bans =
      bannedSequences.length > 0 ? new BannedSequences(bannedSequences, maxTokens) : null;
    const penalizes = presencePenalty !== 0 || frequencyPenalty !== 0 || repetitionPenalty !== 1;
    const room = Math.min(promptIds.length + maxTokens, vocabularySize);
    this.#seen = new Int32Array(penalizes ? room : 0);
    this.#counts = new Uint32Array(penalizes ? vocabularySize : 0);
    if (repetitionPenalty !== 1) for (const id of promptIds) this.#see(id);
  }

  /** A token has been generated. */
  record(id: number): void {
    this.#drawn += 1;
    this.#bans?.record(id);
    if (this.#counts.length === 0) return;
    this.#see(id);
    this.#counts[id]! += 1;
  }

  /** Whether the next token's scores are edited at all. */
  get isActive(): boolean {
    return (
      this.#seenCount > 0 ||
      this.#biasedIds.length > 0 ||
      this.#allowedIds !== null ||
      this.#bans !== null ||
      (this.#drawn < this.#parameters.minTokens && this.#endingIds.length > 0)
    );
  }

  /** Edits a row in place; `logNormalizer` is log Σ exp of it. Reserved tokens stay reserved. */
  apply(scores: Float32Array, logNormalizer: number): void {
    this.#penalize(scores, logNormalizer);
    for (let index = 0; index < this.#biasedIds.length; index++) {
      const id = this.#biasedIds[index]!;
      if (scores[id]! > reservedScore) scores[id] = scores[id]! + this.#biases[index]!;
    }
    if (this.#drawn < this.#parameters.minTokens) {
      for (let index = 0; index < this.#endingIds.length; index++) {
        scores[this.#endingIds[index]!] = reservedScore;
      }
    }
    if (this.#allowedIds !== null) this.#maskAllBut(this.#allowedIds, scores);
    this.#bans?.mask(scores);
  }

  #maskAllBut(allowedIds: Int32Array, scores: Float32Array): void {
    const kept = this.#allowedScores;
    for (let index = 0; index < kept.length; index++) kept[index] = scores[allowedIds[index]!]!;
    scores.fill(reservedScore);
    for (let index = 0; index < kept.length; index++) scores[allowedIds[index]!] = kept[index]!;
  }

  #penalize(scores: Float32Array, logNormalizer: number): void {
    const { presencePenalty, frequencyPenalty, repetitionPenalty } = this.#parameters;
    for (let index = 0; index < this.#seenCount; index++) {
      const id = this.#seen[index]!;
      const score = scores[id]!;
      if (score <= reservedScore) continue;
      const count = this.#counts[id]! - 1;
      const presence = count > 0 ? presencePenalty : 0;
      const penalty = frequencyPenalty * count + presence;
      scores[id] = logNormalizer + repetitionPenalty * (score - logNormalizer) - penalty;
    }
  }

  #see(id: number): void {
    if (this.#counts[id] !== 0) return;
    this.#counts[id] = 1;
    this.#seen[this.#seenCount++] = id;
  }
}
