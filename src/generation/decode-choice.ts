// Drives one answer's decoder with the engine's events, measures it, and turns the engine's endings into ours.
import type { FinishEvent, SequenceEvent } from '../engine/messages.ts';
import { cancellation, ServerError } from '../errors.ts';
import type { AnswerProgress } from './answer-progress.ts';
import type { ChoiceDecoder } from './choice-decoder.ts';
import type { ChoiceOutcome } from './observer.ts';
import type { ChoiceDelta } from './request.ts';

export interface ChoiceContext {
  readonly signal: AbortSignal;
  readonly progress: AnswerProgress;
}

/** Ends with the answer's last piece; a sequence that has met a stop string is left, which cancels it in the engine. */
export async function* decodeChoice(
  events: AsyncIterable<SequenceEvent>,
  decoder: ChoiceDecoder,
  { signal, progress }: ChoiceContext,
): AsyncGenerator<ChoiceDelta> {
  let outcome: ChoiceOutcome = 'abort';
  try {
    const opening = decoder.open();
    if (opening !== null) yield opening;
    for await (const event of events) {
      progress.record(event);
      if (event.kind === 'finish' && isFailure(event.reason) && !signal.aborted) outcome = 'error';
      const delta = decodeEvent(event, decoder, signal);
      if (delta === null) continue;
      if (delta.finishReason !== null) outcome = delta.finishReason;
      yield delta;
      if (delta.finishReason !== null) return;
    }
  } finally {
    progress.end(outcome);
  }
}

function isFailure(reason: FinishEvent['reason']): boolean {
  return reason === 'error' || reason === 'unmasked' || reason === 'dead_end';
}

function decodeEvent(
  event: SequenceEvent,
  decoder: ChoiceDecoder,
  signal: AbortSignal,
): ChoiceDelta | null {
  switch (event.kind) {
    case 'admit':
      return decoder.acceptAdmission(event);
    case 'preempt':
      return null;
    case 'prompt':
      return decoder.acceptPrompt(event);
    case 'token':
      return decoder.acceptToken(event);
    case 'finish':
      return finishChoice(event, decoder, signal);
    default:
      return event satisfies never;
  }
}

function finishChoice(
  event: FinishEvent,
  decoder: ChoiceDecoder,
  signal: AbortSignal,
): ChoiceDelta {
  switch (event.reason) {
    case 'eos':
      return decoder.finish('stop', event.ending);
    case 'stop_token':
      return decoder.finish('stop', event.ending, event.ending?.tokenId);
    case 'length':
      return decoder.finish('length');
    case 'error':
    case 'unmasked':
    case 'dead_end':
    case 'cancelled':
      throw failureOf(event, signal);
    default:
      return event.reason satisfies never;
  }
}

/** Null for a sequence that came to its end. */
export function failureOf({ reason, message }: FinishEvent, signal: AbortSignal): Error | null {
  if (reason !== 'cancelled' && !isFailure(reason)) return null;
  // An abort also takes the grammar away, and the engine may notice that first.
  if (signal.aborted || reason === 'cancelled') return cancellation(signal);
  if (reason === 'error') return new ServerError('engine_failed', message ?? 'The engine failed.');
  if (reason === 'dead_end') {
    const stuck =
      'The answer cannot go on: no token of this model continues it in the form that was asked for.';
    return new ServerError('invalid_request', stuck);
  }
  const stopped = 'The grammar of this answer could not be followed further: start it again.';
  return new ServerError('engine_failed', stopped);
}
