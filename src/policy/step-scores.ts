// What a run found at each position it scored, wherever it lies. Positions are in the order of the batch's rows; all is
// valid until the next run.
import type { PolicyRow } from './policy-row.ts';
import type { StepBatch } from './step-batch.ts';

/** What a position says of one token. */
export interface TokenRating {
  /** behaviorWeight · log π_φ + β · q; `reservedScore` where no policy may go. */
  readonly score: number;
  /** log π_φ. */
  readonly behaviorLogprob: number;
  /** p_θ; means nothing for a row that does not need the value model. */
  readonly valueProb: number;
}

export interface StepScores {
  /** log Σ exp(scores): a score minus this is log π̂. */
  logNormalizer(position: number): number;
  /** KL(π̂ ‖ π_φ) in nats, to rounding. */
  kl(position: number): number;
  /** Whether the policy's best token is another than the behavior model's; of equals in π_φ each is the best. */
  movesArgmax(position: number): boolean;
  rate(position: number, id: number): TokenRating;
  /** Ids of the `count` highest scores, highest first, ties by id; reserved tokens never. */
  top(position: number, count: number): readonly number[];
  /** The next token of the row scored at this position, from the scores as they are. */
  draw(position: number, row: PolicyRow): number;
  /** All scores of a position, to be changed. */
  copyScores(position: number, target: Float32Array): void;
  /** Bytes of this run that have come from a device to the host so far. */
  readonly hostBytes: number;
}

/** Scores as their graph sees them. */
export interface RunScores extends StepScores {
  /** A run of the batch has just written `scored` positions. */
  refresh(batch: StepBatch<PolicyRow>, scored: number): void;
}
