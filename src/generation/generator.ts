// A generation request to a stream of text: encode, submit, decode every answer as it comes.
import type { Engine, SequenceInput } from '../engine/client.ts';
import type { FinishEvent, PolicyParameters, SequenceEvent } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import { ChoiceDecoder } from './choice-decoder.ts';
import { encodePrompt, resolveMaxTokens } from './context-length.ts';
import { merge } from './merge.ts';
import type { ChoiceOutcome, GenerationObserver } from './observer.ts';
import { resolvePolicy } from './policy-parameters.ts';
import type { ChoiceDelta, GenerationRequest, Usage } from './request.ts';
import { randomSeedWords, seedWords } from './seed.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface Generation {
  /** The request's parameters with the manifest's defaults filled in. */
  readonly policy: PolicyParameters;
  /** To be read once. Fails with a ServerError; leaving it early cancels what is still running. */
  readonly deltas: AsyncIterable<ChoiceDelta>;
  /** Up to now; final once `deltas` has ended. */
  usage(): Usage;
}

export interface Generator {
  /**
   * Throws a ServerError, before anything is sent, for a request that cannot be served.
   * Aborting `signal` ends it early, with the signal's reason where that is a ServerError.
   */
  start(request: GenerationRequest, signal: AbortSignal): Generation;
}

export function createGenerator(
  engine: Engine,
  tokenizer: TextTokenizer,
  observer: GenerationObserver,
): Generator {
  function start(request: GenerationRequest, signal: AbortSignal): Generation {
    const policy = resolvePolicy(request, engine.manifest.defaults);
    const prompts = request.prompts.map((prompt) => {
      const ids = encodePrompt(tokenizer, prompt, engine.manifest.vocab_size);
      const maxTokens = resolveMaxTokens(request.maxTokens, ids.length, engine.model.maxLength);
      const echoText = typeof prompt === 'string' ? prompt : tokenizer.decode(ids);
      return { ids, maxTokens, echoText: request.echo ? echoText : null };
    });
    const seed = request.seed === null ? randomSeedWords() : seedWords(request.seed);
    const planned = prompts.flatMap((prompt, promptIndex) =>
      Array.from({ length: request.choicesPerPrompt }, (_, choice) => {
        const input: SequenceInput = {
          promptIds: prompt.ids,
          maxTokens: prompt.maxTokens,
          policy,
          sampling: {
            temperature: request.temperature,
            topK: request.topK,
            topP: request.topP,
            seed,
            choice,
          },
          topLogprobs: request.topLogprobs,
          promptLogprobs: request.echo && request.topLogprobs !== null,
        };
        const decoder = new ChoiceDecoder(tokenizer, {
          index: promptIndex * request.choicesPerPrompt + choice,
          promptIds: prompt.ids,
          maxTokens: prompt.maxTokens,
          stopStrings: request.stopStrings,
          reportsTokens: request.topLogprobs !== null,
          echoText: prompt.echoText,
        });
        return { input, decoder };
      }),
    );

    const context = { signal, observer, submittedAt: performance.now() };
    const leaving = new AbortController();
    const streams = engine.generate(
      planned.map(({ input }) => input),
      AbortSignal.any([signal, leaving.signal]),
    );
    const promptTokens = prompts.reduce((sum, { ids }) => sum + ids.length, 0);
    observer.generationStarted({ promptTokens, beta: policy.beta });
    const choices = planned.flatMap(({ decoder }, index) => {
      const events = streams[index];
      return events === undefined ? [] : [decodeChoice(events, decoder, context)];
    });

    return {
      policy,
      deltas: untilLeft(merge(choices), leaving),
      usage: () => ({
        promptTokens,
        completionTokens: planned.reduce((sum, { decoder }) => sum + decoder.tokenCount, 0),
      }),
    };
  }

  return { start };
}

interface ChoiceContext {
  readonly signal: AbortSignal;
  readonly observer: GenerationObserver;
  /** On the clock of `performance.now()`. */
  readonly submittedAt: number;
}

/** Ends with the answer's last piece; a sequence that has met a stop string is left, which cancels it in the engine. */
async function* decodeChoice(
  events: AsyncIterable<SequenceEvent>,
  decoder: ChoiceDecoder,
  { signal, observer, submittedAt }: ChoiceContext,
): AsyncGenerator<ChoiceDelta> {
  let outcome: ChoiceOutcome = 'abort';
  let last = submittedAt;
  try {
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
      return decoder.finish('stop');
    case 'length':
      return decoder.finish('length');
    case 'error':
      throw new ServerError('engine_failed', event.message ?? 'The engine failed.');
    case 'cancelled':
      if (signal.reason instanceof ServerError) throw signal.reason;
      throw new ServerError('request_cancelled', 'The request was cancelled.');
    default:
      return event.reason satisfies never;
  }
}

async function* untilLeft<T>(items: AsyncIterable<T>, leaving: AbortController): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    leaving.abort();
  }
}
