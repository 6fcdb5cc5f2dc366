// A second thread for runs of bound graphs, so that two of them go on at once while their caller stays synchronous.
import { Worker } from 'node:worker_threads';
import { keepToCpus, usableCpus } from './affinity.ts';
import type { Binding } from './binding.ts';
import type { Runtime } from './runtime.ts';
import {
  mostRuns,
  SideState,
  type SideThreadData,
  setState,
  waitWhile,
} from './side-thread-messages.ts';

/** Loading a library takes a tenth of a second. */
const startTimeoutMs = 30_000;

/** What a thread that makes side threads could use before it had any. */
const allCpus = usableCpus();

export type LaunchSideThread = (data: SideThreadData) => Worker;

/** Node runs workers from built files alone. */
export function launchSideThread(
  workerData: SideThreadData,
  url = new URL('./side-thread-worker.js', import.meta.url),
): Worker {
  return new Worker(url, { workerData });
}

export class SideThread {
  readonly #runtime: Runtime;
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  readonly #runs = new BigUint64Array(new SharedArrayBuffer(8 * (2 + 2 * mostRuns)));

  /** Returns when it serves; throws if it does not come to. Until it is released, each thread has its half of the CPUs. */
  constructor(runtime: Runtime, launch: LaunchSideThread = (data) => launchSideThread(data)) {
    const middle = Math.ceil(allCpus.length / 2);
    this.#runtime = runtime;
    const worker = launch({
      libraryPath: runtime.libraryPath,
      cpus: allCpus.slice(middle),
      state: this.#state.buffer,
      runs: this.#runs.buffer,
    });
    worker.unref();
    waitWhile(this.#state, SideState.starting, startTimeoutMs);
    this.#expectIdle();
    keepToCpus(allCpus.slice(0, middle));
  }

  /**
   * Runs `bindings` on the thread, one after the other, and `meanwhile` on this one. Returns when both have ended; throws
   * what the first of them threw.
   */
  run(bindings: readonly Binding[], meanwhile: () => void): void {
    this.#start(bindings);
    try {
      meanwhile();
    } finally {
      // Also if that failed: the thread must be done with memory that its owner may now release.
      waitWhile(this.#state, SideState.run);
    }
    this.#expectIdle();
    const status = this.#runs[1] ?? 0n;
    this.#runtime.check(status === 0n ? null : status);
  }

  /** Between runs only. */
  release(): void {
    setState(this.#state, SideState.quit);
    keepToCpus(allCpus);
  }

  #start(bindings: readonly Binding[]): void {
    this.#runs[0] = BigInt(bindings.length);
    for (const [index, { addresses }] of bindings.entries()) {
      this.#runs.set(addresses, 2 + 2 * index);
    }
    setState(this.#state, SideState.run);
  }

  #expectIdle(): void {
    const state = Atomics.load(this.#state, 0);
    if (state === SideState.idle) return;
    const what = state === SideState.starting ? 'did not start' : 'has failed';
    throw new Error(`The thread that runs the value model ${what}.`);
  }
}
