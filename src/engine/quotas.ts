// What one caller may use: requests in flight, and tokens a minute from a bucket that refills all the time.
// Answers are paid for as they are written, so a bucket may be overdrawn; its owner waits until it no longer is.
import { ServerError } from '../errors.ts';

export interface QuotaLimits {
  /** Requests one caller may have in flight; 0 sets no limit. */
  readonly keyRequests: number;
  /** Tokens of prompts and answers; 0 sets no limit. */
  readonly keyTokensPerMinute: number;
}

interface Account {
  inFlight: number;
  tokens: number;
  tokensAtMs: number;
  /** How long its requests took, the latest counting most; null while none has ended. */
  meanMs: number | null;
}

const LATEST_WEIGHT = 0.2;
const MINUTE_MS = 60_000;

export class Quotas {
  readonly #limits: QuotaLimits;
  readonly #accounts = new Map<string, Account>();

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  /** Throws `quota_exceeded`, or counts the request in. Who has no name has no quota. */
  enter(caller: string | null, promptTokens: number, nowMs: number): void {
    if (caller === null) return;
    const account = this.#account(caller, nowMs);
    this.#checkRequests(caller, account);
    this.#checkTokens(caller, account);
    account.inFlight += 1;
    account.tokens -= promptTokens;
  }

  spendToken(caller: string | null): void {
    const account = caller === null ? undefined : this.#accounts.get(caller);
    if (account !== undefined) account.tokens -= 1;
  }

  leave(caller: string | null, durationMs: number): void {
    const account = caller === null ? undefined : this.#accounts.get(caller);
    if (account === undefined) return;
    account.inFlight -= 1;
    const { meanMs } = account;
    account.meanMs = meanMs === null ? durationMs : meanMs + LATEST_WEIGHT * (durationMs - meanMs);
  }

  #checkRequests(caller: string, { inFlight, meanMs }: Account): void {
    const { keyRequests: limit } = this.#limits;
    if (limit === 0 || inFlight < limit) return;
    throw new ServerError(
      'quota_exceeded',
      `The key "${caller}" has ${inFlight} requests in flight, and the limit is ${limit}.`,
      { retryAfterMs: (meanMs ?? 0) / inFlight },
    );
  }

  #checkTokens(caller: string, { tokens }: Account): void {
    const { keyTokensPerMinute: limit } = this.#limits;
    if (limit === 0 || tokens > 0) return;
    throw new ServerError(
      'quota_exceeded',
      `The key "${caller}" has used up its ${limit} tokens a minute.`,
      { retryAfterMs: ((1 - tokens) / limit) * MINUTE_MS },
    );
  }

  #account(caller: string, nowMs: number): Account {
    const { keyTokensPerMinute: limit } = this.#limits;
    const account = this.#accounts.get(caller) ?? {
      inFlight: 0,
      tokens: limit,
      tokensAtMs: nowMs,
      meanMs: null,
    };
    this.#accounts.set(caller, account);
    const refill = ((nowMs - account.tokensAtMs) / MINUTE_MS) * limit;
    account.tokens = Math.min(limit, account.tokens + refill);
    account.tokensAtMs = nowMs;
    return account;
  }
}
