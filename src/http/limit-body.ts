// Bounds a request's body, also one that does not say its length before it comes.
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ServerError } from '../errors.ts';
import type { Limits } from './limits.ts';

export function limitBody({ maxBodyBytes }: Pick<Limits, 'maxBodyBytes'>): MiddlewareHandler {
  const limit = bodyLimit({
    maxSize: maxBodyBytes,
    onError: () => {
      throw new ServerError('body_too_large', `The body must be at most ${maxBodyBytes} bytes.`);
    },
  });
  return async (context, next) => {
    try {
      return await limit(context, next);
    } catch (error) {
      if (error instanceof ServerError) throw error;
      // Reading a chunked body fails when its client leaves half-way.
      throw new ServerError('request_cancelled', 'The body ended early.', { cause: error });
    }
  };
}
