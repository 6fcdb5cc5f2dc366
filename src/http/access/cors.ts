// Which web pages may ask this server. None, unless it was started with their origins.
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { ServerError } from '../../errors.ts';
import type { KeyRing } from './key-ring.ts';

const ANY = '*';

/** Answers preflights itself: those come without a key. Credentials (cookies) are never allowed; keys are sent in a header. */
export function allowOrigins(origins: string): MiddlewareHandler {
  const list = readOrigins(origins);
  return cors({
    origin: list.includes(ANY) ? ANY : list,
    allowMethods: ['GET', 'POST'],
    exposeHeaders: ['x-request-id', 'retry-after', 'x-ignored-fields'],
    maxAge: 600,
  });
}

/**
 * A browser sends some requests of any page and only keeps the answer from it. A page has no key; where there are none, its
 * origin is all that tells it from others on this machine.
 */
export function refuseOtherOrigins(keys: KeyRing, origins: string | null): MiddlewareHandler {
  const list = readOrigins(origins ?? '');
  return async (context, next) => {
    const origin = context.req.header('origin');
    if (origin !== undefined && keys.size === 0 && !list.includes(ANY) && !list.includes(origin)) {
      const shown = JSON.stringify(origin.slice(0, 200));
      const message = `Pages of ${shown} may not use this server; --cors-origin names those that may.`;
      throw new ServerError('origin_not_allowed', message);
    }
    await next();
  };
}

function readOrigins(origins: string): string[] {
  return origins.split(',').map((origin) => origin.trim());
}
