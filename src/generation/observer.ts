// What generation tells whoever measures it. Nothing here may change an answer.

export type ChoiceOutcome = 'stop' | 'length' | 'abort' | 'error';

/** One answer, of the `n` to a prompt each by itself. Times are milliseconds on the clock of `performance.now()`. */
export interface AnswerReport {
  /** Null while it goes on. */
  readonly outcome: ChoiceOutcome | null;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** How often it lost its blocks of a paged cache. */
  readonly preemptions: number;
  readonly completionTokens: number;
  readonly maxTokens: number;
  readonly submittedAt: number;
  /** When it got its slot; null while it waits, like those that follow. */
  readonly admittedAt: number | null;
  readonly firstTokenAt: number | null;
  readonly lastTokenAt: number | null;
  readonly endedAt: number | null;
}

export interface GenerationObserver {
  generationStarted(started: { readonly promptTokens: number; readonly beta: number }): void;
  tokenGenerated(token: {
    /** Since the request was submitted for an answer's first token, since the token before for every other. */
    readonly seconds: number;
    readonly isFirst: boolean;
    /** p_θ of the token; null when the answer does not need the value model. */
    readonly value: number | null;
    /** KL(π̂ ‖ π_φ) of the step, in nats. */
    readonly kl: number;
  }): void;
  /** A text has become tokens. */
  textEncoded(seconds: number): void;
  /** So many answers more, or fewer, follow a grammar. */
  constrainedAnswers(change: number): void;
  /** Once for every answer, with an outcome and an end. */
  answerEnded(report: AnswerReport): void;
  /** Once for every prompt, when its last answer has ended. */
  promptEnded(reports: readonly AnswerReport[]): void;
}
