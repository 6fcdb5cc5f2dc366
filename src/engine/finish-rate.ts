// How fast sequences end, measured where there is something to end: what a refused client is told to wait for.

/** Older endings count for less and less. */
const MEMORY_MS = 60_000;

export class FinishRate {
  #finished = 0;
  #busyMs = 0;
  #atMs = 0;
  #isBusy = false;

  /** `inFlight` sequences are on their way from now on; `finished` of them have just ended. */
  record(nowMs: number, inFlight: number, finished = 0): void {
    this.#advance(nowMs);
    this.#finished += finished;
    this.#isBusy = inFlight > 0;
  }

  /** How long `count` of them take to end; 0 as long as there is nothing to tell by. */
  waitMs(nowMs: number, count: number): number {
    this.#advance(nowMs);
    // Where none has ended, it takes at least as long as it has taken so far.
    return (count * this.#busyMs) / Math.max(this.#finished, 1);
  }

  #advance(nowMs: number): void {
    const elapsedMs = nowMs - this.#atMs;
    this.#atMs = nowMs;
    const kept = Math.exp(-elapsedMs / MEMORY_MS);
    this.#finished *= kept;
    this.#busyMs = this.#busyMs * kept + (this.#isBusy ? elapsedMs : 0);
  }
}
