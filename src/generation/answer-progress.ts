// How far each answer came when: what metrics, its request's log line and its trace say of it.
import type { AdmitEvent, DrawnToken, SequenceEvent } from '../engine/messages.ts';
import type { AnswerReport, ChoiceOutcome, GenerationObserver } from './observer.ts';

interface AnswerLengths {
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
}

/** Of answers that have just been submitted, `choices` to each prompt. */
export function startAnswers(
  inputs: readonly AnswerLengths[],
  choices: number,
  observer: GenerationObserver,
): readonly AnswerProgress[] {
  const submittedAt = performance.now();
  const progress = inputs.map((input, index) => {
    const first = index - (index % choices);
    return new AnswerProgress(observer, input, submittedAt, () => {
      const siblings = progress.slice(first, first + choices);
      if (siblings.every(({ endedAt }) => endedAt !== null)) observer.promptEnded(siblings);
    });
  });
  return progress;
}

export class AnswerProgress implements AnswerReport {
  readonly promptTokens: number;
  readonly maxTokens: number;
  readonly submittedAt: number;
  outcome: ChoiceOutcome | null = null;
  cachedTokens = 0;
  preemptions = 0;
  completionTokens = 0;
  admittedAt: number | null = null;
  firstTokenAt: number | null = null;
  lastTokenAt: number | null = null;
  endedAt: number | null = null;
  readonly #observer: GenerationObserver;
  readonly #onEnd: () => void;

  constructor(
    observer: GenerationObserver,
    { promptIds, maxTokens }: AnswerLengths,
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
    if (event.kind === 'preempt') this.preemptions += 1;
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
