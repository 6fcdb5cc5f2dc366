// A generation request to a stream of text: planned, constrained, submitted to the engine, decoded.
import assert from 'node:assert/strict';
import type { Constraints, OpenText } from '../constraint/client.ts';
import type { FormatLimits } from '../constraint/format-limits.ts';
import type { Engine } from '../engine/client.ts';
import type { PolicyParameters } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import { untilAborted } from '../until-aborted.ts';
import { startAnswers } from './answer-progress.ts';
import { type Candidate, chooseAmong } from './choose.ts';
import { type Constraint, toTextFormat } from './constraint.ts';
import { decodeAnswers } from './decode-answers.ts';
import type { AnswerReport, GenerationObserver } from './observer.ts';
import { type PlannedAnswer, planAnswers } from './plan-answers.ts';
import { resolvePolicy } from './policy-parameters.ts';
import type { ChoiceDelta, GenerationRequest, Usage } from './request.ts';
import { createScorer } from './scorer.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** What a request asked for, without its texts: safe to log and to trace. */
export type GenerationSettings = Pick<
  GenerationRequest,
  | 'choicesPerPrompt'
  | 'maxTokens'
  | 'temperature'
  | 'topK'
  | 'topP'
  | 'frequencyPenalty'
  | 'presencePenalty'
  | 'seed'
>;

export interface Generation {
  readonly model: string;
  readonly settings: GenerationSettings;
  /** The request's parameters with the manifest's defaults filled in. */
  readonly policy: PolicyParameters;
  /** What a choice was among; null for every other request. */
  readonly candidates: readonly Candidate[] | null;
  /** To be read once. Fails with a ServerError; leaving it early cancels what is still running. */
  readonly deltas: AsyncIterable<ChoiceDelta>;
  /** Up to now; final once `deltas` has ended. */
  usage(): Usage;
  /** How far each answer has come, those included that lose to better ones. */
  readonly answers: readonly AnswerReport[];
}

export interface Generator {
  /**
   * Rejects with a ServerError, before anything is sent, for a request that cannot be served.
   * Aborting `signal` ends it early, with the signal's reason where that is a ServerError.
   */
  start(request: GenerationRequest, signal: AbortSignal): Promise<Generation>;
}

export function createGenerator(
  engine: Engine,
  tokenizer: TextTokenizer,
  observer: GenerationObserver,
  constraints: Constraints,
  formatLimits: FormatLimits,
): Generator {
  const scorer = createScorer(engine, tokenizer, observer);

  async function start(request: GenerationRequest, signal: AbortSignal): Promise<Generation> {
    const { constraint } = request;
    if (constraint === null) return await run(request, [], signal);
    if (constraint.kind === 'choice' && constraint.isWhole) {
      return choose(constraint, request, signal);
    }
    if (request.ignoreEos) {
      const message = `ignore_eos cannot be used with ${constraint.param}: what ends the text ends the answer.`;
      throw new ServerError('invalid_request', message, { param: 'ignore_eos' });
    }
    const format = toTextFormat(constraint, formatLimits);
    const count = request.prompts.length * request.bestOf;
    const texts = await constraints.open(format, count, constraint.param, signal);
    try {
      return await run(request, texts, signal);
    } catch (error) {
      for (const text of texts) text.release();
      throw error;
    }
  }

  /** Each answer follows the text of its index, where there are any. */
  async function run(
    request: GenerationRequest,
    texts: readonly OpenText[],
    signal: AbortSignal,
  ): Promise<Generation> {
    const policy = resolvePolicy(request, engine.manifest.defaults);
    const planned = planAnswers(request, policy, engine, tokenizer);
    const { answers, promptTokens } = await untilAborted(planned, signal);
    const leaving = new AbortController();
    const streams = engine.generate(
      answers.map(({ input }, index) => ({ ...input, mask: texts[index]?.mask ?? null })),
      AbortSignal.any([signal, leaving.signal]),
      promptTokens,
    );
    const { beta } = policy;
    observer.generationStarted({
      promptTokens,
      beta: typeof beta === 'number' ? beta : beta.start,
    });
    const inputs = answers.map(({ input }) => input);
    const progress = startAnswers(inputs, request.bestOf, observer);
    const deltas = decodeAnswers({ answers, streams, texts, progress, signal, leaving }, request);
    return {
      model: engine.manifest.id,
      settings: request,
      policy,
      answers: progress,
      candidates: null,
      deltas,
      usage: () => ({
        promptTokens,
        cachedTokens: cachedTokens(answers),
        completionTokens: answers.reduce((sum, { decoder }) => sum + decoder.tokenCount, 0),
      }),
    };
  }

  async function choose(
    { candidates, param }: WholeChoice,
    request: GenerationRequest,
    signal: AbortSignal,
  ): Promise<Generation> {
    const [prompt, ...others] = request.prompts;
    assert(prompt !== undefined && others.length === 0, 'a choice has one prompt');
    const among = { candidates, param, prompt };
    const choice = await chooseAmong(among, request, scorer, signal);
    return {
      policy: choice.policy,
      candidates: choice.candidates,
      answers: [],
      model: engine.manifest.id,
      settings: request,
      deltas: each(choice.deltas),
      usage: () => choice.usage,
    };
  }

  return { start };
}

type WholeChoice = Pick<Extract<Constraint, { kind: 'choice' }>, 'candidates' | 'param'>;

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** A prompt counts once: as its first answer found it, before that answer left it to the others. */
function cachedTokens(answers: readonly PlannedAnswer[]): number {
  return answers.reduce(
    (sum, { input, decoder }) => (input.sampling.choice === 0 ? sum + decoder.cachedTokens : sum),
    0,
  );
}
