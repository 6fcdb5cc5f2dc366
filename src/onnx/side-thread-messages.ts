// The memory that a side thread and its owner share: a state, and the runs to be done as addresses.

/** Most runs that can be handed over at once. */
export const mostRuns = 4096;

/** What `state[0]` says. The owner writes `run` and `quit`, the thread the others. */
export const SideState = { starting: 0, idle: 1, run: 2, quit: 3, dead: 4 } as const;

/** Sets the state and wakes who waits for it. */
export function setState(state: Int32Array<SharedArrayBuffer>, value: number): void {
  Atomics.store(state, 0, value);
  Atomics.notify(state, 0);
}

/**
 * Returns when the state has left `value`, or after the timeout. One waking is not enough: it may be meant for a wait before
 * this one, since who changes the state wakes only afterwards.
 */
export function waitWhile(
  state: Int32Array<SharedArrayBuffer>,
  value: number,
  timeoutMs = Number.POSITIVE_INFINITY,
): void {
  const until = performance.now() + timeoutMs;
  while (Atomics.load(state, 0) === value) {
    if (Atomics.wait(state, 0, value, until - performance.now()) === 'timed-out') return;
  }
}

export interface SideThreadData {
  readonly libraryPath: string;
  /** On which it runs; none leaves it to the system. */
  readonly cpus: readonly number[];
  /** An Int32Array of one. */
  readonly state: SharedArrayBuffer;
  /** A BigUint64Array: how many runs, the status of the first that failed (0: none), then a session and a binding each. */
  readonly runs: SharedArrayBuffer;
}
