// What every route that uses a policy begins with: work is taken, the body is checked, time is short, the policy is held.
import type { Context } from 'hono';
import type { z } from 'zod';
import type { Catalog } from '../catalog/catalog.ts';
import type { ServedPolicy } from '../catalog/served-policy.ts';
import { setDeadline } from './deadline.ts';
import type { Drain } from './drain.ts';
import type { Limits } from './limits.ts';
import { type CheckedBody, readBody } from './request-body.ts';
import type { AppEnv } from './request-context.ts';
import { usePolicy } from './use-policy.ts';

export interface RequestServices {
  readonly catalog: Catalog;
  readonly drain: Drain;
  readonly limits: Limits;
}

interface PolicyBody {
  /** Left out where a request need not name one: it gets the first. */
  readonly model?: string | null | undefined;
  readonly timeout?: number | null | undefined;
}

export interface OpenRequest<Body> extends CheckedBody<Body> {
  readonly policy: ServedPolicy;
}

export async function openRequest<Body extends PolicyBody>(
  context: Context<AppEnv>,
  { catalog, drain, limits }: RequestServices,
  schema: z.ZodType<Body>,
): Promise<OpenRequest<Body>> {
  drain.refuseWhenDraining();
  const { body, ignoredFields } = await readBody(context.req, schema, limits);
  setDeadline(context, body.timeout, limits);
  const policy = await usePolicy(context, catalog, body.model ?? null);
  return { body, ignoredFields, policy };
}
