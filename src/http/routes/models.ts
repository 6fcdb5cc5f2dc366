// GET /v1/models and /v1/models/{id}: the policies this server has, under each of their names.
import type { Context } from 'hono';
import type { Catalog, NamedPolicy } from '../../catalog/catalog.ts';
import { modelId } from '../policy-choice.ts';
import type { Model } from '../schema/model-response.ts';

export function listModels(catalog: Catalog) {
  return (context: Context): Response =>
    context.json({ object: 'list', data: catalog.list().map(describeModel) });
}

export function getModel(catalog: Catalog) {
  return (context: Context): Response =>
    context.json(describeModel(catalog.find(modelId(context.req.param('id') ?? ''))));
}

function describeModel({ name, description, state }: NamedPolicy): Model {
  const { manifest, maxLength } = description;
  return {
    id: name,
    object: 'model',
    created: manifest.created,
    owned_by: 'qsft',
    root: manifest.id,
    state,
    max_model_len: maxLength,
    qsft: manifest.defaults,
  };
}
