// What one request may set of the policy and its sampling; every other room speaks these types.

/** How the two models become one policy (Q-SFT, arXiv 2411.05193, section 4). */
export type Extraction = 'kl' | 'entropy' | 'greedy' | 'behavior';

/** What β multiplies: the paper's p_θ, or the ratio p_θ/π_φ on tokens the behavior model supports. */
export type QForm = 'probability' | 'ratio';

export interface PolicyParameters {
  readonly extraction: Extraction;
  readonly beta: number | BetaSchedule;
  readonly q: QForm;
}

/** β as a line over the answer: the first token is drawn with `start`, the last one allowed with `end`. */
export interface BetaSchedule {
  readonly start: number;
  readonly end: number;
}

export interface SamplingParameters {
  /** 0 takes the most probable token. */
  readonly temperature: number;
  /** Keep the k most probable tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens whose probability reaches this, in (0, 1]. */
  readonly topP: number;
  /** Keep the tokens at least this share as probable as the most probable one; 0 keeps all. */
  readonly minP: number;
  /** Two unsigned 32-bit words, low first; with `choice` they fix every draw. */
  readonly seed: readonly [number, number];
  /** Which of a request's n answers this is. */
  readonly choice: number;
}

/** What a request changes of the scores before they are sampled. */
export interface ScoreEditParameters {
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** Above 0; 1 is neutral. */
  readonly repetitionPenalty: number;
  readonly logitBias: readonly (readonly [tokenId: number, bias: number])[];
  /** Until so many tokens are drawn, none that ends the answer is. */
  readonly minTokens: number;
  /** Only these may be drawn; null allows all. */
  readonly allowedTokenIds: readonly number[] | null;
  /** Rows of tokens that may not appear in the answer: the last of one is not drawn after the others. */
  readonly bannedSequences: readonly (readonly number[])[];
}

/** The three numbers the step graph takes for each row it scores. */
export interface StepWeights {
  readonly beta: number;
  readonly behaviorWeight: number;
  /** 1 for the ratio form, 0 for the paper's. */
  readonly ratio: number;
}

/** β for the token that follows `drawn` others of an answer of at most `maxTokens`. */
export function betaAt(beta: PolicyParameters['beta'], drawn: number, maxTokens: number): number {
  if (typeof beta === 'number') return beta;
  return maxTokens < 2
    ? beta.start
    : beta.start + (beta.end - beta.start) * (drawn / (maxTokens - 1));
}

/**
 * scores = behaviorWeight · log π_φ + β · q: each extraction is a choice of the two factors.
 * Of the weights of a schedule, those for the token that follows `drawn` others.
 */
export function stepWeights(
  { extraction, beta: scheduled, q }: PolicyParameters,
  drawn: number,
  maxTokens: number,
): StepWeights {
  const ratio = q === 'ratio' ? 1 : 0;
  const beta = betaAt(scheduled, drawn, maxTokens);
  switch (extraction) {
    case 'kl':
      return { beta, behaviorWeight: 1, ratio };
    case 'entropy':
      return { beta, behaviorWeight: 0, ratio };
    case 'greedy':
      return { beta: 1, behaviorWeight: 0, ratio };
    case 'behavior':
      return { beta: 0, behaviorWeight: 1, ratio };
  }
}

/** Whether any token of an answer hangs on p_θ. */
export function needsValue({ extraction, beta }: PolicyParameters): boolean {
  if (extraction === 'behavior') return false;
  if (extraction !== 'kl') return true;
  return typeof beta === 'number' ? beta !== 0 : beta.start !== 0 || beta.end !== 0;
}

/** Greedy extraction is argmax p_θ: whatever the request says, it has no temperature. */
export function samplingUnder(
  { extraction }: PolicyParameters,
  sampling: SamplingParameters,
): SamplingParameters {
  return extraction === 'greedy' ? { ...sampling, temperature: 0 } : sampling;
}
