// What one request may set of the policy and its sampling; every other room speaks these types.

/** How the two models become one policy (Q-SFT, arXiv 2411.05193, section 4). */
export type Extraction = 'kl' | 'entropy' | 'greedy' | 'behavior';

/** What β multiplies: the paper's p_θ, or the ratio p_θ/π_φ on tokens the behavior model supports. */
export type QForm = 'probability' | 'ratio';

export interface PolicyParameters {
  readonly extraction: Extraction;
  readonly beta: number;
  readonly q: QForm;
}

export interface SamplingParameters {
  /** 0 takes the most probable token. */
  readonly temperature: number;
  /** Keep the k most probable tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens whose probability reaches this, in (0, 1]. */
  readonly topP: number;
  /** Two unsigned 32-bit words, low first; with `choice` they fix every draw. */
  readonly seed: readonly [number, number];
  /** Which of a request's n answers this is. */
  readonly choice: number;
}
