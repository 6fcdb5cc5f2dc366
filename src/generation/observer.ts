// What generation tells whoever measures it. Nothing here may change an answer.

export type ChoiceOutcome = 'stop' | 'length' | 'abort' | 'error';

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
  choiceEnded(outcome: ChoiceOutcome): void;
}
