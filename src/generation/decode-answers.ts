// The answers of one request as they come: each decoded by itself, all in one stream, the best alone where more are drawn than given.
import assert from 'node:assert/strict';
import type { OpenText } from '../constraint/client.ts';
import type { SequenceEvent } from '../engine/messages.ts';
import type { AnswerProgress } from './answer-progress.ts';
import { bestAnswers } from './best-of.ts';
import { decodeChoice } from './decode-choice.ts';
import { merge } from './merge.ts';
import type { PlannedAnswer } from './plan-answers.ts';
import type { ChoiceDelta, GenerationRequest } from './request.ts';

/** One of each for every answer, by its index. */
interface SubmittedAnswers {
  readonly answers: readonly PlannedAnswer[];
  readonly streams: readonly AsyncIterable<SequenceEvent>[];
  readonly progress: readonly AnswerProgress[];
  /** What each follows; none where answers are free. */
  readonly texts: readonly OpenText[];
  readonly signal: AbortSignal;
  /** Aborted as soon as nobody reads on. */
  readonly leaving: AbortController;
}

export function decodeAnswers(
  { answers, streams, progress, texts, signal, leaving }: SubmittedAnswers,
  { bestOf: drawn, choicesPerPrompt: given }: GenerationRequest,
): AsyncIterable<ChoiceDelta> {
  const choices = answers.map(({ decoder }, index) => {
    const events = streams[index];
    const own = progress[index];
    assert(events !== undefined && own !== undefined, 'the engine gives one stream for each input');
    return releasing(decodeChoice(events, decoder, { signal, progress: own }), texts[index]);
  });
  const deltas = untilLeft(merge(choices), leaving);
  if (drawn === given) return deltas;
  const meanLogprob = (index: number) =>
    answers[index]?.decoder.meanLogprob ?? Number.NEGATIVE_INFINITY;
  return bestAnswers(deltas, { drawn, given, meanLogprob });
}

/** Lets go of a text when its answer has ended, or is left. */
async function* releasing<T>(
  items: AsyncIterable<T>,
  text: OpenText | undefined,
): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    text?.release();
  }
}

async function* untilLeft<T>(items: AsyncIterable<T>, leaving: AbortController): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    leaving.abort();
  }
}
