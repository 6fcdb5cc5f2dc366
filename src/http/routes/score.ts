// POST /v1/score: the policy's view of given continuations.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import type { Catalog } from '../../catalog/catalog.ts';
import type { ScoredToken } from '../../generation/scorer.ts';
import { toUsage } from '../completion-wire.ts';
import { setDeadline } from '../deadline.ts';
import type { Drain } from '../drain.ts';
import { toPolicy } from '../generation-fields.ts';
import type { Limits } from '../limits.ts';
import { finite, toModelsView } from '../logprobs-wire.ts';
import { readBody } from '../request-body.ts';
import type { AppEnv } from '../request-context.ts';
import { type ScoreResponse, scoreRequestSchema } from '../schema/score-messages.ts';
import { usePolicy } from '../use-policy.ts';

export interface ScoreServices {
  readonly catalog: Catalog;
  readonly drain: Drain;
  readonly limits: Limits;
}

export function score({ catalog, drain, limits }: ScoreServices) {
  const schema = scoreRequestSchema(limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    drain.refuseWhenDraining();
    const { body } = await readBody(context.req, schema);
    setDeadline(context, body.timeout, limits);
    const { scorer, engine } = await usePolicy(context, catalog, body.model);
    const { prompt, continuations } = body;
    const policy = toPolicy(body, limits, context.var.caller);
    const request = { ...policy, prompt, continuations };
    const scoring = await scorer.score(request, context.var.abort.signal);
    const { promptTokens, cachedTokens } = scoring.usage;
    const { beta, extraction } = scoring.policy;
    Object.assign(context.var.logFields, {
      model: engine.manifest.id,
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
