// The tokens a minute that one key may use of all policies together: a bucket that refills all the time.
// Answers are paid for as they are written, so a bucket may be overdrawn; its owner waits until it no longer is.
import { ServerError } from '../errors.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

const MINUTE_MS = 60_000;

export class TokenQuota {
  readonly #tokensPerMinute: number;
  readonly #buckets = new Map<string, Bucket>();

  /** 0 sets no limit. */
  constructor(tokensPerMinute: number) {
    this.#tokensPerMinute = tokensPerMinute;
  }

  /** Throws `quota_exceeded` for a caller that is out of tokens. Who has no name has no quota. */
  check(caller: string | null, nowMs: number): void {
    const tokens = this.#refill(caller, nowMs)?.tokens ?? 1;
    if (tokens > 0) return;
    const limit = this.#tokensPerMinute;
    throw new ServerError(
      'quota_exceeded',
      `The key "${caller}" has used up its ${limit} tokens a minute.`,
      { retryAfterMs: ((1 - tokens) / limit) * MINUTE_MS },
    );
  }

  /** For a caller that was checked. */
  spend(caller: string | null, tokens: number): void {
    const bucket = caller === null ? undefined : this.#buckets.get(caller);
    if (bucket !== undefined) bucket.tokens -= tokens;
  }

  #refill(caller: string | null, nowMs: number): Bucket | null {
    const limit = this.#tokensPerMinute;
    if (caller === null || limit === 0) return null;
    const bucket = this.#buckets.get(caller) ?? { tokens: limit, atMs: nowMs };
    this.#buckets.set(caller, bucket);
    const refill = ((nowMs - bucket.atMs) / MINUTE_MS) * limit;
    bucket.tokens = Math.min(limit, bucket.tokens + refill);
    bucket.atMs = nowMs;
    return bucket;
  }
}
