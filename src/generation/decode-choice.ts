// Drives one answer's decoder with the engine's events, measures it, and turns the engine's endings into ours.
import type { FinishEvent, SequenceEvent } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import type { ChoiceDecoder } from './choice-decoder.ts';
import type { ChoiceOutcome, GenerationObserver } from './observer.ts';
import type { ChoiceDelta } from './request.ts';

export interface ChoiceContext {
  readonly signal: AbortSignal;
  readonly observer: GenerationObserver;
  /** On the clock of `performance.now()`. */
  readonly submittedAt: number;
}

/** Ends with the answer's last piece; a sequence that has met a stop string is left, which cancels it in the engine. */
export async function* decodeChoice(
  events: AsyncIterable<SequenceEvent>,
  decoder: ChoiceDecoder,
  { signal, observer, submittedAt }: ChoiceContext,
): AsyncGenerator<ChoiceDelta> {
  let outcome: ChoiceOutcome = 'abort';
  let last = submittedAt;
  try {
    const opening = decoder.open();
    if (opening !== null) yield opening;
    for await (const event of events) {
      if (event.kind === 'token') {
        const now = performance.now();
        const isFirst = decoder.tokenCount === 0;
        const { value, kl } = event;
        observer.tokenGenerated({ seconds: (now - last) / 1000, isFirst, value, kl });
        last = now;
      }
      if (event.kind === 'finish' && event.reason === 'error') outcome = 'error';
      const delta = decodeEvent(event, decoder, signal);
      if (delta === null) continue;
      if (delta.finishReason !== null) outcome = delta.finishReason;
      yield delta;
      if (delta.finishReason !== null) return;
    }
  } finally {
    observer.choiceEnded(outcome);
  }
}

function decodeEvent(
  event: SequenceEvent,
  decoder: ChoiceDecoder,
  signal: AbortSignal,
): ChoiceDelta | null {
  switch (event.kind) {
    case 'reuse':
      return decoder.acceptReuse(event);
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
    case 'cancelled':
      throw failureOf(event, signal);
    default:
      return event.reason satisfies never;
  }
}

/** Null for a sequence that came to its end. */
export function failureOf({ reason, message }: FinishEvent, signal: AbortSignal): Error | null {
  if (reason === 'error') return new ServerError('engine_failed', message ?? 'The engine failed.');
  if (reason !== 'cancelled') return null;
  if (signal.reason instanceof ServerError) return signal.reason;
  return new ServerError('request_cancelled', 'The request was cancelled.');
}
