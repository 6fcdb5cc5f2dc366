// POST /v1/score: the policy's view of given continuations.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import type { ScoredToken } from '../../generation/scorer.ts';
import { toUsage } from '../completion-wire.ts';
import { toPolicy } from '../generation-fields.ts';
import { finite, toModelsView } from '../logprobs-wire.ts';
import { openRequest, type RequestServices } from '../open-request.ts';
import type { AppEnv } from '../request-context.ts';
import { type ScoreResponse, scoreRequestSchema } from '../schema/score-messages.ts';

export function score(services: RequestServices) {
  const { limits } = services;
  const schema = scoreRequestSchema(limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    const { body, policy } = await openRequest(context, services, schema);
    const { prompt, continuations } = body;
    const asked = toPolicy(body, limits, context.var.caller);
    const request = { ...asked, prompt, continuations, addsSpecialTokens: null };
    const scoring = await policy.scorer.score(request, context.var.abort.signal);
    const { promptTokens, cachedTokens } = scoring.usage;
    const { beta, extraction } = scoring.policy;
    Object.assign(context.var.logFields, {
      model: policy.engine.manifest.id,
      promptTokens,
      cachedTokens,
      beta,
      extraction,
    });
    const response: ScoreResponse = {
      id: `score-${randomUUID()}`,
      object: 'list',
      created: Math.floor(Date.now() / 1000),
      model: body.model,
      data: scoring.continuations.map((tokens, index) => describe(tokens, index)),
      usage: toUsage(scoring.usage),
      qsft: scoring.policy,
    };
    return context.json(response);
  };
}

function describe(tokens: readonly ScoredToken[], index: number): ScoreResponse['data'][number] {
  return {
    object: 'score',
    index,
    logprob: finite(tokens.reduce((sum, { logprob }) => sum + logprob, 0)),
    tokens: tokens.map(({ text, tokenId, logprob, models, kl }) => ({
      token: text,
      token_id: tokenId,
      logprob: finite(logprob),
      ...toModelsView(models),
      kl,
    })),
  };
}
