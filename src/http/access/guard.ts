// Who may use which route. Without keys everyone may everything; with keys every route is closed unless listed as open.
import type { MiddlewareHandler } from 'hono';
import { ServerError } from '../../errors.ts';
import { matchedRoute } from '../matched-route.ts';
import type { AppEnv } from '../request-context.ts';
import type { Caller, KeyRing, Scope } from './key-ring.ts';

/** What a route asks of its caller: nothing, any key, or a key of that scope. */
export type Access = 'open' | 'any-key' | Scope;

/** By the pattern a route is registered with. One that is missing here is for admins. */
const ACCESS: Readonly<Record<string, Access>> = {
  '/health': 'open',
  '/health/live': 'open',
  '/health/ready': 'open',
  '/health/startup': 'open',
  '/ping': 'open',
  '/v1/completions': 'inference',
  '/v1/chat/completions': 'inference',
  '/v1/responses': 'inference',
  '/v1/responses/input_tokens': 'inference',
  '/v1/score': 'inference',
  '/tokenize': 'inference',
  '/detokenize': 'inference',
  '/tokenizer_info': 'inference',
  '/v1/models': 'any-key',
  '/v1/models/:id': 'any-key',
  '/openapi.json': 'any-key',
  '/version': 'any-key',
  '/metrics': 'admin',
  '/admin/reload': 'admin',
};

export interface AccessOptions {
  readonly keys: KeyRing;
  /** For scrapers that have no key. */
  readonly openMetrics: boolean;
  /** Web origins whose pages may ask, separated by commas, or `*`; null is none. */
  readonly corsOrigin: string | null;
}

export function guard({
  keys,
  openMetrics,
}: Pick<AccessOptions, 'keys' | 'openMetrics'>): MiddlewareHandler<AppEnv> {
  return async (context, next) => {
    const route = matchedRoute(context);
    const access = openMetrics && route === '/metrics' ? 'open' : accessTo(route);
    if (keys.size > 0 && access !== 'open') {
      const caller = identify(context.req.header('authorization'), keys);
      checkScope(caller, access);
      context.set('caller', caller.name);
      context.var.logFields.key = caller.name;
    }
    await next();
  };
}

function accessTo(route: string | null): Access {
  // What is not there is told only to those who could use what is.
  return route === null ? 'any-key' : routeAccess(route);
}

export function routeAccess(route: string): Access {
  return ACCESS[route] ?? 'admin';
}

function identify(header: string | undefined, keys: KeyRing): Caller {
  const [, key] = /^Bearer +(\S+)$/i.exec(header ?? '') ?? [];
  const caller = key === undefined ? null : keys.find(key);
  if (caller !== null) return caller;
  throw new ServerError(
    'invalid_api_key',
    key === undefined
      ? 'This server needs a key: send it as "authorization: Bearer KEY".'
      : 'The key is not one of this server.',
  );
}

function checkScope({ name, scopes }: Caller, access: Exclude<Access, 'open'>): void {
  if (access === 'any-key' || scopes.has(access)) return;
  throw new ServerError(
    'insufficient_scope',
    `The key "${name}" has the scope ${[...scopes].join(', ')}; this route needs ${access}.`,
  );
}
