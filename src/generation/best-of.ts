// Of several answers to each prompt, the best: those of the highest mean log-probability per token, as OpenAI's API
// has it, under the combined policy, the token that ended it included. Of equals, the first drawn.
import type { ChoiceDelta } from './request.ts';

export interface Contest {
  /** Answers to each prompt that were drawn, and how many of them are given. */
  readonly drawn: number;
  readonly given: number;
  /** By index of the answer, once it is whole. */
  readonly meanLogprob: (index: number) => number;
}

/** Nothing is given before all are whole. */
export async function* bestAnswers(
  deltas: AsyncIterable<ChoiceDelta>,
  { drawn, given, meanLogprob }: Contest,
): AsyncGenerator<ChoiceDelta> {
  const answers: ChoiceDelta[][] = [];
  for await (const delta of deltas) {
    answers[delta.index] ??= [];
    answers[delta.index]?.push(delta);
  }
  for (let first = 0; first < answers.length; first += drawn) {
    const ranked = Array.from({ length: drawn }, (_, choice) => first + choice).sort(
      (a, b) => meanLogprob(b) - meanLogprob(a) || a - b,
    );
    for (const [rank, index] of ranked.slice(0, given).entries()) {
      for (const delta of answers[index] ?? []) {
        yield { ...delta, index: (first / drawn) * given + rank };
      }
    }
  }
}
