// An engine whose answers a test writes down. It keeps the promises of `Engine`, without a model.
import type { Engine, SequenceInput } from '../../src/engine/client.ts';
import type { SequenceEvent, TokenDetails, TokenLogprobs } from '../../src/engine/messages.ts';
import { ServerError } from '../../src/errors.ts';
import type { LocalTokenizer } from '../../src/generation/tokenizer.ts';

export interface ScriptedAnswer {
  /** Each the text of one token of the tokenizer, or its id. */
  readonly tokens: readonly (string | number)[];
  /** `hang` waits to be cancelled. */
  readonly end: 'eos' | 'length' | 'error' | 'hang';
}

export interface ScriptedEngine {
  readonly engine: Engine;
  readonly submitted: SequenceInput[];
  /** Tokens that callers were charged for prompts, request by request. */
  readonly charged: (number | undefined)[];
  /** Sequences that ended because they were left or their signal was aborted. */
  readonly cancelled: () => number;
}

/** What to answer: by the number of the answer in its request, or by what was asked. */
export type Script = readonly ScriptedAnswer[] | ((input: SequenceInput) => ScriptedAnswer);

const MAX_LENGTH = 64;

export function scriptedEngine(
  tokenizer: LocalTokenizer,
  answers: Script,
  queueLimit = 8,
  maxLength = MAX_LENGTH,
): ScriptedEngine {
  const submitted: SequenceInput[] = [];
  const charged: (number | undefined)[] = [];
  let cancelled = 0;
  let running = 0;

  async function* play(
    input: SequenceInput,
    answer: ScriptedAnswer,
    signal: AbortSignal,
  ): AsyncGenerator<SequenceEvent> {
    let isFinished = false;
    try {
      yield { kind: 'admit', id: 0, cachedTokens: 0, sinceMs: 0 };
      if (input.scoreFrom !== null) yield { kind: 'prompt', id: 0, positions: scorePrompt(input) };
      for (const token of answer.tokens) {
        if (signal.aborted) return;
        yield tokenEvent(tokenizer, token, input);
      }
      if (answer.end === 'hang') {
        await aborted(signal);
        yield { kind: 'finish', id: 0, reason: 'cancelled' };
        return;
      }
      isFinished = true;
      yield { kind: 'finish', id: 0, reason: answer.end, message: 'The script says so.' };
    } finally {
      running -= 1;
      if (!isFinished) cancelled += 1;
    }
  }

  const engine: Engine = {
    model: { device: 'script', maxSequences: 4, maxLength, kvCacheBytes: 4096 },
    manifest: {
      format_version: 2,
      id: 'tiny',
      created: 1_750_000_000,
      precision: 'fp32',
      vocab_size: tokenizer.vocabularySize,
      max_length: maxLength,
      eos_token_ids: [0],
      reserved_token_ids: [],
      adds_special_tokens: false,
      prompt_prefix: null,
      kv_cache: {
        dtype: 'float32',
        behavior: { layers: 1, kv_heads: 1, head_dim: 8 },
        value: { layers: 1, kv_heads: 1, head_dim: 8 },
      },
      defaults: { beta: 4, extraction: 'kl', q: 'probability' },
      support_threshold: 0.001,
      training: {},
      files: {},
    },
    healthy: true,
    get inFlight() {
      return { waiting: 0, running, cacheUsage: running / 4 };
    },
    generate(inputs, signal, promptTokens) {
      charged.push(promptTokens);
      if (running + inputs.length > queueLimit) {
        throw new ServerError('queue_full', 'The queue is full.');
      }
      return inputs.map((input, index) => {
        const answer =
          typeof answers === 'function' ? answers(input) : answers[index % answers.length];
        if (answer === undefined) throw new Error('the script has no answers');
        running += 1;
        submitted.push(input);
        return play(input, answer, signal);
      });
    },
    onStep: () => () => {},
    onHealth: () => () => {},
    ping: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
  return { engine, submitted, charged, cancelled: () => cancelled };
}

function tokenEvent(
  tokenizer: LocalTokenizer,
  token: string | number,
  input: SequenceInput,
): SequenceEvent {
  const [tokenId, ...rest] = typeof token === 'number' ? [token] : tokenizer.encode(token);
  if (tokenId === undefined || rest.length > 0) {
    throw new Error(`${JSON.stringify(token)} is not one token`);
  }
  const event = {
    kind: 'token',
    id: 0,
    tokenId,
    logprob: -0.5,
    behaviorLogprob: -0.75,
    value: 0.25,
    kl: 0.125,
  } as const;
  return input.topLogprobs === null ? event : { ...event, top: top(tokenId, input) };
}

function scorePrompt(input: SequenceInput): TokenLogprobs[] {
  return input.promptIds.slice(input.scoreFrom ?? 1).map((tokenId) => ({
    tokenId,
    logprob: -1.5,
    kl: 0.125,
    ...detailsOf(input),
    top: top(tokenId, input),
  }));
}

function top(tokenId: number, input: SequenceInput): TokenLogprobs['top'] {
  return Array.from({ length: input.topLogprobs ?? 0 }, (_, rank) => ({
    tokenId: tokenId + rank + 1,
    logprob: -rank,
    ...detailsOf(input),
  }));
}

function detailsOf({ details }: SequenceInput): { details?: TokenDetails } {
  return details ? { details: { behaviorLogprob: -0.75, value: 0.25 } } : {};
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
