// Which web pages may ask this server. None, unless it was started with their origins.
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';

/** Answers preflights itself: those come without a key. Credentials (cookies) are never allowed; keys are sent in a header. */
export function allowOrigins(origins: string): MiddlewareHandler {
  const list = origins.split(',').map((origin) => origin.trim());
  return cors({
    origin: list.includes('*') ? '*' : list,
    allowMethods: ['GET', 'POST'],
    exposeHeaders: ['x-request-id', 'retry-after', 'x-ignored-fields'],
    maxAge: 600,
  });
}
