// What the policy thinks of given continuations of one prompt: they are scored, not drawn. The prompt runs once; the
// continuations that follow find it in the cache.
import assert from 'node:assert/strict';
import type { Engine, SequenceInput } from '../engine/client.ts';
import type { PolicyParameters, SequenceEvent, TokenLogprobs } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import { untilAborted } from '../until-aborted.ts';
import { encodePrompt } from './context-length.ts';
import { continuationIds } from './continuation-ids.ts';
import { failureOf } from './decode-choice.ts';
import { Detokenizer } from './detokenizer.ts';
import type { GenerationObserver } from './observer.ts';
import { resolvePolicy } from './policy-parameters.ts';
import type { GenerationRequest, ModelsView, Prompt, RatedText, Usage } from './request.ts';
import { describeRating, textOffsets } from './token-logprobs.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { checkVocabulary } from './vocabulary.ts';

export interface ScoreRequest
  extends Pick<
    GenerationRequest,
    'extraction' | 'beta' | 'q' | 'caller' | 'priority' | 'cacheScope' | 'addsSpecialTokens'
  > {
  readonly prompt: Prompt;
  readonly continuations: readonly Prompt[];
}

export interface ScoredToken extends RatedText {
  readonly models: ModelsView;
  /** KL(π̂ ‖ π_φ) of the position in nats. */
  readonly kl: number;
  /** Where in its continuation it begins, in code points. */
  readonly textOffset: number;
}

export interface Scoring {
  readonly policy: PolicyParameters;
  readonly promptIds: readonly number[];
  /** The tokens of each continuation, in the order of the request. */
  readonly continuations: readonly (readonly ScoredToken[])[];
  /** The prompt counts once. */
  readonly usage: Usage;
}

export interface Scorer {
  /** Throws a ServerError for what cannot be scored; aborting `signal` ends it early. */
  score(request: ScoreRequest, signal: AbortSignal): Promise<Scoring>;
}

export function createScorer(
  engine: Engine,
  tokenizer: TextTokenizer,
  observer: GenerationObserver,
): Scorer {
  const { support_threshold: supportThreshold } = engine.manifest;

  async function score(request: ScoreRequest, signal: AbortSignal): Promise<Scoring> {
    const policy = resolvePolicy(request, engine.manifest.defaults);
    if (typeof policy.beta !== 'number') {
      throw new ServerError('invalid_request', 'beta must be a number: a score has no length.', {
        param: 'beta',
      });
    }
    const promptIds = await encodePrompt(
      tokenizer,
      request.prompt,
      engine.manifest,
      request.addsSpecialTokens,
    );
    const scored = request.continuations.map(async (continuation, index) => {
      const param = `continuations[${index}]`;
      const ids = await continuationIds(tokenizer, request.prompt, continuation, param);
      checkContinuation(ids, promptIds.length, engine, param);
      return scoredInput(request, policy, promptIds, ids);
    });
    const inputs = await untilAborted(Promise.all(scored), signal);
    const promptTokens = inputs.reduce(
      (sum, input) => sum + input.promptIds.length - promptIds.length,
      promptIds.length,
    );
    const leaving = new AbortController();
    const left = AbortSignal.any([signal, leaving.signal]);
    const streams = engine.generate(inputs, left, promptTokens);
    observer.generationStarted({ promptTokens, beta: policy.beta });
    try {
      const read = await Promise.all(streams.map((events) => readScores(events, signal)));
      const continuations = read.map(({ positions }) => {
        const ids = positions.map(({ tokenId }) => tokenId);
        const offsets = textOffsets(new Detokenizer(tokenizer, promptIds, 'kept'), ids);
        return positions.map((position, index) => {
          const { models, ...rated } = describeRating({ tokenizer, supportThreshold }, position);
          assert(models !== null, 'details were asked for');
          return { ...rated, models, kl: position.kl, textOffset: offsets[index] ?? 0 };
        });
      });
      // What the first continuation found is what was there before.
      const cachedTokens = read[0]?.cachedTokens ?? 0;
      const usage = { promptTokens, cachedTokens, completionTokens: 0 };
      return { policy, promptIds, continuations, usage };
    } finally {
      leaving.abort();
    }
  }

  return { score };
}

function checkContinuation(
  ids: readonly number[],
  promptLength: number,
  { manifest, model }: Engine,
  param: string,
): void {
  checkVocabulary(param, ids, manifest.vocab_size);
  if (promptLength + ids.length <= model.maxLength) return;
  throw new ServerError(
    'context_length_exceeded',
    `This model's maximum context length is ${model.maxLength} tokens; the prompt has ${promptLength} and ${param} ${ids.length} more.`,
    { param },
  );
}

function scoredInput(
  { caller, priority, cacheScope }: ScoreRequest,
  policy: PolicyParameters,
  promptIds: readonly number[],
  ids: readonly number[],
): SequenceInput {
  return {
    promptIds: [...promptIds, ...ids],
    maxTokens: 0,
    policy,
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: [0, 0], choice: 0 },
    edits: null,
    mask: null,
    ignoreEos: false,
    stopTokenIds: [],
    topLogprobs: null,
    details: true,
    scoreFrom: promptIds.length,
    caller,
    priority,
    cacheScope,
  };
}

async function readScores(
  events: AsyncIterable<SequenceEvent>,
  signal: AbortSignal,
): Promise<{ positions: readonly TokenLogprobs[]; cachedTokens: number }> {
  let positions: readonly TokenLogprobs[] | undefined;
  let cachedTokens = 0;
  for await (const event of events) {
    if (event.kind === 'admit') cachedTokens = event.cachedTokens;
    if (event.kind === 'prompt') positions = event.positions;
    if (event.kind !== 'finish') continue;
    const failure = failureOf(event, signal);
    if (failure !== null) throw failure;
  }
  assert(positions !== undefined, 'a scored prompt is reported before its end');
  return { positions, cachedTokens };
}
