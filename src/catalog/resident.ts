// A policy in memory and how many requests use it: it may be closed when none does.
import type { ServedPolicy } from './served-policy.ts';

/** The right to use a policy: it stays loaded until the lease is released. */
export interface Lease {
  readonly policy: ServedPolicy;
  /** To be called once the request has ended; calling it again does nothing. */
  release(): void;
}

export class Resident {
  readonly policy: ServedPolicy;
  readonly memoryBytes: number;
  readonly #idleListeners: (() => void)[] = [];
  #users = 0;

  constructor(policy: ServedPolicy, memoryBytes: number) {
    this.policy = policy;
    this.memoryBytes = memoryBytes;
  }

  get isIdle(): boolean {
    return this.#users === 0;
  }

  lease(): Lease {
    this.#users += 1;
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      this.#users -= 1;
      if (this.isIdle) for (const listener of this.#idleListeners.splice(0)) listener();
    };
    return { policy: this.policy, release };
  }

  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }
}
