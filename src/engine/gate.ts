// Who gets in: every bound of the queue, and the caller's tokens a minute, checked and counted in one place.
import { ServerError } from '../errors.ts';
import type { SequenceInput } from './client.ts';
import { FinishRate } from './finish-rate.ts';
import type { EngineModel } from './messages.ts';
import type { TokenQuota } from './token-quota.ts';

export interface GateLimits {
  /** Most sequences that may wait for a slot. */
  readonly queueLimit: number;
  /** Most prompt tokens of sequences that have not begun to answer, where some wait. */
  readonly queueTokens: number;
  /** Longest a sequence is in flight. */
  readonly maxRequestMs: number;
}

/** A request that got in: all its sequences. */
export interface Visit {
  readonly caller: string | null;
  sequences: number;
}

export class Gate {
  readonly #limits: GateLimits;
  readonly #slots: number;
  readonly #tokenQuota: TokenQuota;
  readonly #rate = new FinishRate();
  readonly #nowMs: () => number;
  #inFlight = 0;
  #waitingTokens = 0;

  constructor(
    limits: GateLimits,
    { maxSequences }: EngineModel,
    tokenQuota: TokenQuota,
    nowMs = () => performance.now(),
  ) {
    this.#limits = limits;
    this.#slots = maxSequences;
    this.#tokenQuota = tokenQuota;
    this.#nowMs = nowMs;
  }

  /**
   * All of a request's sequences or none; throws `queue_full` or `quota_exceeded`, `invalid_request` where waiting is no help.
   * The caller is charged `promptTokens`, or else every prompt.
   */
  enter(inputs: readonly SequenceInput[], promptTokens?: number): Visit {
    const nowMs = this.#nowMs();
    const caller = inputs[0]?.caller ?? null;
    const tokens = inputs.reduce((sum, { promptIds }) => sum + promptIds.length, 0);
    this.#checkQueue(inputs.length, tokens, nowMs);
    this.#tokenQuota.check(caller, nowMs);
    this.#tokenQuota.spend(caller, promptTokens ?? tokens);
    this.#inFlight += inputs.length;
    this.#waitingTokens += tokens;
    this.#rate.record(nowMs, this.#inFlight);
    return { caller, sequences: inputs.length };
  }

  /** A sequence's first event, be it its last too. */
  begin(promptTokens: number): void {
    this.#waitingTokens -= promptTokens;
  }

  /** An answer has grown by one. */
  token({ caller }: Visit): void {
    this.#tokenQuota.spend(caller, 1);
  }

  /** One sequence of the visit has ended. */
  leave(visit: Visit): void {
    const nowMs = this.#nowMs();
    this.#inFlight -= 1;
    this.#rate.record(nowMs, this.#inFlight, 1);
    visit.sequences -= 1;
  }

  #checkQueue(added: number, addedTokens: number, nowMs: number): void {
    const { queueLimit, queueTokens } = this.#limits;
    const waiting = this.#inFlight + added - this.#slots;
    if (waiting <= 0) return;
    const most = this.#slots + queueLimit;
    if (added > most) {
      throw new ServerError(
        'invalid_request',
        `The request is for ${added} sequences at once, and ${most} is the most: ${this.#slots} in slots and queue-limit ${queueLimit} that wait.`,
      );
    }
    if (waiting > queueLimit) {
      throw new ServerError(
        'queue_full',
        `The queue is full: with this request ${waiting} sequences would wait, and the limit is ${queueLimit}.`,
        { retryAfterMs: this.#waitMs(nowMs, waiting - queueLimit) },
      );
    }
    const tokens = this.#waitingTokens + addedTokens;
    if (tokens <= queueTokens || this.#waitingTokens === 0) return;
    const share = (tokens - queueTokens) / this.#waitingTokens;
    throw new ServerError(
      'queue_full',
      `The queue is full: with this request prompts of ${tokens} tokens would wait, and the limit is ${queueTokens}.`,
      { retryAfterMs: this.#waitMs(nowMs, Math.min(1, share) * this.#inFlight) },
    );
  }

  /** Until `count` of those in flight have ended. */
  #waitMs(nowMs: number, count: number): number {
    return Math.min(this.#limits.maxRequestMs, this.#rate.waitMs(nowMs, count));
  }
}
