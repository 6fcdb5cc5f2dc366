// Gives each request an id: the client's own where it is short and plain, so it can be logged and sent back safely.
import { randomUUID } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { AppEnv } from './request-context.ts';

const HEADER = 'x-request-id';
const ACCEPTED = /^[A-Za-z0-9._-]{1,128}$/;

export function requestId(): MiddlewareHandler<AppEnv> {
  return async (context, next) => {
    const given = context.req.header(HEADER);
    const id = given !== undefined && ACCEPTED.test(given) ? given : `req-${randomUUID()}`;
    context.set('requestId', id);
    await next();
    context.header(HEADER, id);
  };
}
