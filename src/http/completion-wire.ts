// Between OpenAI's words for completions and this project's: the request in, whole answers and chunks out.
import assert from 'node:assert/strict';
import type {
  ChoiceDelta,
  FinishReason,
  GeneratedToken,
  GenerationRequest,
  Usage,
} from '../generation/request.ts';
import { toEnding, toPolicy, toSampling } from './generation-fields.ts';
import { type CompletionBody, promptList } from './schema/completion-request.ts';
import type {
  Completion,
  CompletionChunk,
  CompletionLogprobs,
  CompletionUsage,
} from './schema/completion-response.ts';

/** What OpenAI's API gives a request that does not say. */
const DEFAULT_MAX_TOKENS = 16;

/** What JSON gets for a probability of zero, as other servers of this API send it. */
const LOWEST_LOGPROB = -9999;

export type CompletionHeader = Pick<
  CompletionChunk,
  'id' | 'object' | 'created' | 'model' | 'qsft'
>;

export function toGenerationRequest(body: CompletionBody): GenerationRequest {
  return {
    prompts: promptList(body.prompt),
    choicesPerPrompt: body.n ?? 1,
    topLogprobs: body.logprobs ?? null,
    echo: body.echo ?? false,
    maxTokens: body.max_tokens ?? null,
    defaultMaxTokens: DEFAULT_MAX_TOKENS,
    constraint: null,
    ...toPolicy(body),
    ...toSampling(body),
    ...toEnding(body),
  };
}

export function toUsage({ promptTokens, cachedTokens, completionTokens }: Usage): CompletionUsage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

/** `usage` is undefined where the client did not ask for it, null in chunks that have none yet. */
export function toChunk(
  header: CompletionHeader,
  delta: ChoiceDelta,
  reportsTokens: boolean,
  usage: null | undefined,
): CompletionChunk {
  return {
    ...header,
    choices: [
      {
        text: delta.text,
        index: delta.index,
        logprobs: reportsTokens ? toLogprobs(delta.tokens) : null,
        finish_reason: delta.finishReason,
        stop_reason: delta.stopReason,
      },
    ],
    ...(usage === undefined ? {} : { usage }),
  };
}

/** Puts the pieces of each answer together. */
export function toCompletion(
  header: CompletionHeader,
  deltas: readonly ChoiceDelta[],
  reportsTokens: boolean,
  usage: Usage,
): Completion {
  const choices = [...groupByIndex(deltas)]
    .sort(([first], [second]) => first - second)
    .map(([index, pieces]) => ({
      text: pieces.map((piece) => piece.text).join(''),
      index,
      logprobs: reportsTokens ? toLogprobs(pieces.flatMap((piece) => piece.tokens)) : null,
      finish_reason: finishReason(pieces),
      stop_reason: pieces.at(-1)?.stopReason ?? null,
    }));
  return { ...header, choices, usage: toUsage(usage) };
}

function groupByIndex(deltas: readonly ChoiceDelta[]): Map<number, ChoiceDelta[]> {
  const groups = new Map<number, ChoiceDelta[]>();
  for (const delta of deltas) {
    const group = groups.get(delta.index);
    if (group === undefined) groups.set(delta.index, [delta]);
    else group.push(delta);
  }
  return groups;
}

function finishReason(pieces: readonly ChoiceDelta[]): FinishReason {
  const reason = pieces.at(-1)?.finishReason;
  assert(reason != null, 'the last piece of an answer says why it ended');
  return reason;
}

function toLogprobs(tokens: readonly GeneratedToken[]): CompletionLogprobs {
  return {
    tokens: tokens.map((token) => token.text),
    token_logprobs: tokens.map(({ logprob }) => (logprob === null ? null : finite(logprob))),
    top_logprobs: tokens.map((token) => topLogprobs(token)),
    text_offset: tokens.map((token) => token.textOffset),
  };
}

/** The alternatives and the token itself. Of tokens that read the same, the most probable counts. */
function topLogprobs(token: GeneratedToken): Record<string, number> | null {
  if (token.logprob === null || token.top === null) return null;
  const entries = [...token.top, { text: token.text, logprob: token.logprob }];
  const best = new Map<string, number>();
  for (const { text, logprob } of entries) {
    best.set(text, Math.max(finite(logprob), best.get(text) ?? LOWEST_LOGPROB));
  }
  return Object.fromEntries(best);
}

function finite(logprob: number): number {
  return Math.max(logprob, LOWEST_LOGPROB);
}
