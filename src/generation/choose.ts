// A choice among whole texts: the policy scores each as a continuation of the prompt, and one is drawn by what it gives them.
// Nothing is lost to the way tokens lead: a candidate's probability is that of all its tokens.
import type { PolicyParameters } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import { bestToken, Sampler } from '../policy/sample.ts';
import { uniform } from '../policy/uniform.ts';
import type { ChoiceDelta, GenerationRequest, Prompt, Usage } from './request.ts';
import type { ScoredToken, Scorer } from './scorer.ts';
import { randomSeedWords, seedWords } from './seed.ts';

export interface Candidate {
  readonly text: string;
  /** The sum over its tokens, under the combined policy. */
  readonly logprob: number;
  /** Its share among the candidates, before temperature and truncation. */
  readonly probability: number;
}

export interface Choice {
  readonly policy: PolicyParameters;
  readonly candidates: readonly Candidate[];
  /** One for each answer asked for. */
  readonly deltas: readonly ChoiceDelta[];
  readonly usage: Usage;
}

interface Alternatives {
  readonly candidates: readonly string[];
  /** The field that has them, for errors. */
  readonly param: string;
  readonly prompt: Prompt;
}

export async function chooseAmong(
  { candidates, param, prompt }: Alternatives,
  request: GenerationRequest,
  scorer: Scorer,
  signal: AbortSignal,
): Promise<Choice> {
  const asked = { ...request, prompt, continuations: candidates };
  const scoring = await scorer.score(asked, signal).catch((error) => {
    throw renamed(error, param);
  });
  const { policy, promptIds, continuations, usage } = scoring;
  const rated = rate(candidates, continuations);
  const picks = draw(rated, request, policy);
  const deltas = picks.map((pick, index): ChoiceDelta => {
    const tokens = continuations[pick] ?? [];
    return {
      index,
      text: candidates[pick] ?? '',
      tokens: request.topLogprobs === null ? [] : describe(tokens, request),
      tokenIds: tokens.map(({ tokenId }) => tokenId),
      prompt: { tokenIds: promptIds, tokens: null },
      finishReason: 'stop',
      stopReason: null,
    };
  });
  const completionTokens = deltas.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
  return { policy, candidates: rated, deltas, usage: { ...usage, completionTokens } };
}

/** The scorer calls them continuations. */
function renamed(error: unknown, param: string): unknown {
  if (!(error instanceof ServerError) || error.param?.startsWith('continuations') !== true) {
    return error;
  }
  const inOwnWords = (text: string) => text.replaceAll('continuations', param);
  return new ServerError(error.code, inOwnWords(error.message), {
    param: inOwnWords(error.param),
    cause: error,
  });
}

function rate(
  candidates: readonly string[],
  continuations: readonly (readonly ScoredToken[])[],
): Candidate[] {
  const logprobs = continuations.map((tokens) =>
    tokens.reduce((sum, { logprob }) => sum + logprob, 0),
  );
  const highest = Math.max(...logprobs);
  const weights = logprobs.map((logprob) => Math.exp(logprob - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return candidates.map((text, index) => ({
    text,
    logprob: logprobs[index] ?? Number.NEGATIVE_INFINITY,
    probability: (weights[index] ?? 0) / total,
  }));
}

/** As a token is drawn: the candidates are the vocabulary, and their log-probabilities the scores. */
function draw(
  candidates: readonly Candidate[],
  { temperature, topK, topP, minP, seed, choicesPerPrompt }: GenerationRequest,
  { extraction }: PolicyParameters,
): number[] {
  const scores = Float32Array.from(candidates, ({ logprob }) => logprob);
  const best = bestToken(scores);
  const sampler = new Sampler(scores.length);
  const words = seed === null ? randomSeedWords() : seedWords(seed);
  return Array.from({ length: choicesPerPrompt }, (_, choice) => {
    if (temperature === 0 || extraction === 'greedy') return best;
    const truncation = { temperature, topK, topP, minP };
    return sampler.sample(scores, scores[best] ?? 0, truncation, uniform(words, choice, 0));
  });
}

function describe(
  tokens: readonly ScoredToken[],
  { details }: GenerationRequest,
): ChoiceDelta['tokens'] {
  return tokens.map((token) => ({ ...token, top: [], models: details ? token.models : null }));
}
