// When one answer came how far: what its metrics, its request's log line and its trace say of it.
import type { AdmitEvent, DrawnToken, SequenceEvent } from '../engine/messages.ts';
import type { AnswerReport, ChoiceOutcome, GenerationObserver } from './observer.ts';

export class AnswerProgress implements AnswerReport {
  readonly promptTokens: number;
  readonly maxTokens: number;
  readonly submittedAt: number;
  outcome: ChoiceOutcome | null = null;
  cachedTokens = 0;
  completionTokens = 0;
  admittedAt: number | null = null;
  firstTokenAt: number | null = null;
  lastTokenAt: number | null = null;
  endedAt: number | null = null;
  readonly #observer: GenerationObserver;
  readonly #onEnd: () => void;

  constructor(
    observer: GenerationObserver,
    { promptIds, maxTokens }: { readonly promptIds: readonly number[]; readonly maxTokens: number },
    submittedAt: number,
    onEnd: () => void,
  ) {
    this.#observer = observer;
    this.#onEnd = onEnd;
    this.promptTokens = promptIds.length;
    this.maxTokens = maxTokens;
    this.submittedAt = submittedAt;
  }

  record(event: SequenceEvent): void {
    if (event.kind === 'admit') this.#admit(event);
    if (event.kind === 'token') this.#token(event);
  }

  end(outcome: ChoiceOutcome): void {
    this.outcome = outcome;
    this.endedAt = performance.now();
    this.#observer.answerEnded(this);
    this.#onEnd();
  }

  #admit({ cachedTokens, sinceMs }: AdmitEvent): void {
    this.cachedTokens = cachedTokens;
    this.admittedAt = Math.max(this.submittedAt, performance.now() - sinceMs);
  }

  #token({ value, kl }: DrawnToken): void {
    const now = performance.now();
    const isFirst = this.completionTokens === 0;
    const seconds = (now - (this.lastTokenAt ?? this.submittedAt)) / 1000;
    this.completionTokens += 1;
    this.firstTokenAt ??= now;
    this.lastTokenAt = now;
    this.#observer.tokenGenerated({ seconds, isFirst, value, kl });
  }
}
