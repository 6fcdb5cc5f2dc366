// Tells the clients of a server that stops to connect anew for their next request: to one that stays.
import type { MiddlewareHandler } from 'hono';
import type { Drain } from './drain.ts';
import type { AppEnv } from './request-context.ts';

export function closeWhenDraining(drain: Drain): MiddlewareHandler<AppEnv> {
  return async (context, next) => {
    await next();
    if (drain.isDraining) context.header('connection', 'close');
  };
}
