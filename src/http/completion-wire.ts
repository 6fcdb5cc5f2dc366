// Between OpenAI's words for completions and this project's: the request in, whole answers and chunks out.
import assert from 'node:assert/strict';
import type {
  ChoiceDelta,
  FinishReason,
  GeneratedToken,
  GenerationRequest,
  Usage,
} from '../generation/request.ts';
import type { AnswerView } from './answer-view.ts';
import { askedFormat, toConstraint } from './constraint-wire.ts';
import { toEnding, toPolicy, toSampling } from './generation-fields.ts';
import type { Limits } from './limits.ts';
import { namedByIds, toLegacyLogprobs, toPromptLogprobs } from './logprobs-wire.ts';
import { type CompletionBody, promptList } from './schema/completion-request.ts';
import type { Completion, CompletionChunk, CompletionUsage } from './schema/completion-response.ts';

/** What OpenAI's API gives a request that does not say. */
const DEFAULT_MAX_TOKENS = 16;

export type CompletionHeader = Pick<
  CompletionChunk,
  'id' | 'object' | 'created' | 'model' | 'qsft'
>;

export function toGenerationRequest(
  body: CompletionBody,
  limits: Limits,
  caller: string | null,
): GenerationRequest {
  const policy = toPolicy(body, limits, caller);
  const n = body.n ?? 1;
  return {
    prompts: promptList(body.prompt),
    addsSpecialTokens: body.add_special_tokens ?? null,
    suffix: body.suffix || null,
    truncatePromptTokens: body.truncate_prompt_tokens ?? null,
    choicesPerPrompt: n,
    bestOf: body.best_of ?? n,
    topLogprobs: body.logprobs ?? (policy.details ? 0 : null),
    promptLogprobs: body.prompt_logprobs ?? null,
    echo: body.echo ?? false,
    maxTokens: body.max_tokens ?? null,
    defaultMaxTokens: DEFAULT_MAX_TOKENS,
    constraint: toConstraint(body, askedFormat(body), limits),
    ...policy,
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

/** Without header and usage. */
export function toChunk(delta: ChoiceDelta, view: AnswerView): Pick<CompletionChunk, 'choices'> {
  const choice = {
    text: delta.text,
    index: delta.index,
    logprobs: toLogprobs(delta.tokens, view),
    finish_reason: delta.finishReason,
    stop_reason: delta.stopReason,
    ...(view.tokenIds
      ? { token_ids: [...delta.tokenIds], prompt_token_ids: copy(delta.prompt?.tokenIds) }
      : {}),
  };
  return { choices: [choice] };
}

/** Puts the pieces of each answer together. */
export function toCompletion(
  header: CompletionHeader,
  deltas: readonly ChoiceDelta[],
  view: AnswerView,
  usage: Usage,
): Completion {
  const choices = [...groupByIndex(deltas)]
    .sort(([first], [second]) => first - second)
    .map(([index, pieces]) => ({
      text: pieces.map((piece) => piece.text).join(''),
      index,
      logprobs: toLogprobs(
        pieces.flatMap((piece) => piece.tokens),
        view,
      ),
      finish_reason: finishReason(pieces),
      stop_reason: pieces.at(-1)?.stopReason ?? null,
      ...(view.tokenIds
        ? {
            token_ids: pieces.flatMap((piece) => piece.tokenIds),
            prompt_token_ids: copy(pieces[0]?.prompt?.tokenIds),
          }
        : {}),
      ...(view.promptLogprobs
        ? { prompt_logprobs: (pieces[0]?.prompt?.tokens ?? []).map(toPromptLogprobs) }
        : {}),
    }));
  return { ...header, choices, usage: toUsage(usage) };
}

function toLogprobs(
  tokens: readonly GeneratedToken[],
  { logprobs, namesIds, details }: AnswerView,
) {
  if (!logprobs) return null;
  return toLegacyLogprobs(namesIds ? namedByIds(tokens) : tokens, details);
}

function copy(ids: readonly number[] | undefined): number[] | null {
  return ids === undefined ? null : [...ids];
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
