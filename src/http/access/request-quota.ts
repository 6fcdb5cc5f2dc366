// How many requests one key may have in flight, of all policies together: from the headers to the end of the answer,
// so that waiting for a policy or for a grammar counts too.
import type { MiddlewareHandler } from 'hono';
import { ServerError } from '../../errors.ts';
import type { AppEnv } from '../request-context.ts';

interface Account {
  inFlight: number;
  /** How long its requests took, the latest counting most; null while none has ended. */
  meanMs: number | null;
}

const LATEST_WEIGHT = 0.2;

/** One for the whole server: whichever routes it guards share their keys' accounts. 0 sets no limit. */
export function requestQuota(keyRequests: number): MiddlewareHandler<AppEnv> {
  const accounts = new Map<string, Account>();
  return async (context, next) => {
    const { caller, startedAtMs, onEnd } = context.var;
    if (caller !== null && keyRequests > 0) {
      const account = accounts.get(caller) ?? { inFlight: 0, meanMs: null };
      accounts.set(caller, account);
      if (account.inFlight >= keyRequests) throw tooMany(caller, account, keyRequests);
      account.inFlight += 1;
      onEnd.push(() => leave(account, performance.now() - startedAtMs));
    }
    await next();
  };
}

function leave(account: Account, durationMs: number): void {
  account.inFlight -= 1;
  const { meanMs } = account;
  account.meanMs = meanMs === null ? durationMs : meanMs + LATEST_WEIGHT * (durationMs - meanMs);
}

function tooMany(caller: string, { inFlight, meanMs }: Account, limit: number): ServerError {
  return new ServerError(
    'quota_exceeded',
    `The key "${caller}" has ${inFlight} requests in flight, and the limit is ${limit}.`,
    { retryAfterMs: (meanMs ?? 0) / inFlight },
  );
}
