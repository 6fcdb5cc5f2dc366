// POST /admin/reload: what SIGHUP does to policies, for who may not send signals. Answers once all are loaded.
import type { Context } from 'hono';
import type { Catalog } from '../../catalog/catalog.ts';
import { ServerError } from '../../errors.ts';
import { listModels } from './models.ts';

export function reloadPolicies(catalog: Catalog) {
  return async (context: Context): Promise<Response> => {
    try {
      await catalog.reload();
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new ServerError('model_unavailable', `What failed stays as it was. ${message}`, {
        cause,
      });
    }
    return listModels(catalog)(context);
  };
}
