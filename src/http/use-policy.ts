// The policy a request names, held until the request has ended.
import type { Context } from 'hono';
import type { Catalog } from '../catalog/catalog.ts';
import type { ServedPolicy } from '../catalog/served-policy.ts';
import { modelId } from './policy-choice.ts';
import type { AppEnv } from './request-context.ts';

/** Null is a request that need not name one: it gets the first. */
export async function usePolicy(
  context: Context<AppEnv>,
  catalog: Catalog,
  model: string | null,
): Promise<ServedPolicy> {
  const name = model === null ? null : modelId(model);
  const { policy, release } = await catalog.acquire(name, context.var.abort.signal);
  context.var.onEnd.push(release);
  return policy;
}
