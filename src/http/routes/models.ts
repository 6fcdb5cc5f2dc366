// GET /v1/models and /v1/models/{id}: the one policy this server has.
import type { Context } from 'hono';
import type { Engine } from '../../engine/client.ts';
import { ServerError } from '../../errors.ts';
import { modelId } from '../policy-choice.ts';
import type { Model } from '../schema/model-response.ts';

export function listModels(engine: Engine) {
  return (context: Context): Response =>
    context.json({ object: 'list', data: [describeModel(engine)] });
}

export function getModel(engine: Engine) {
  return (context: Context): Response => {
    assertServed(engine, context.req.param('id') ?? '', undefined);
    return context.json(describeModel(engine));
  };
}

export function assertServed(engine: Engine, id: string, param: string | undefined): void {
  const served = engine.manifest.id;
  if (modelId(id) === served) return;
  const shown = JSON.stringify(id.slice(0, 64));
  throw new ServerError(
    'model_not_found',
    `There is no model ${shown}; this server has "${served}".`,
    {
      param,
    },
  );
}

function describeModel({ manifest, model }: Engine): Model {
  return {
    id: manifest.id,
    object: 'model',
    created: manifest.created,
    owned_by: 'qsft',
    max_model_len: model.maxLength,
    qsft: manifest.defaults,
  };
}
