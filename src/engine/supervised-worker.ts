// Keeps a worker alive: a dead one is started again after a wait, which doubles while its successors die young.
import type { Worker } from 'node:worker_threads';
import type { FromWorker, ToWorker } from './messages.ts';

const firstRestartMs = 100;
const longestRestartMs = 30_000;
/** A worker that lived this long did not die of what killed the one before. */
const stableMs = 60_000;
const closeDeadlineMs = 10_000;

export interface WorkerListener {
  message(message: FromWorker): void;
  /** It is dead; its successor will be started after `restartMs`, or never (null) because it was closed. */
  down(cause: Error, restartMs: number | null): void;
  /** The successor serves. */
  up(): void;
}

export class SupervisedWorker {
  readonly #start: () => Promise<Worker>;
  readonly #listener: WorkerListener;
  /** Null while none lives. */
  #worker: Worker | null = null;
  #exited = Promise.resolve();
  #restart: { readonly timer: NodeJS.Timeout; done: Promise<void> } | null = null;
  #isClosing = false;
  #deaths = 0;
  #aliveSinceMs = 0;

  /** `start` gives a worker that is ready to serve; it is called again for every successor. */
  constructor(first: Worker, start: () => Promise<Worker>, listener: WorkerListener) {
    this.#start = start;
    this.#listener = listener;
    this.#watch(first);
  }

  get isAlive(): boolean {
    return this.#worker !== null;
  }

  /** Lost when the worker is dead, like everything it had been told. */
  post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#restart?.timer);
    await this.#restart?.done;
    const worker = this.#worker;
    this.post({ type: 'close' });
    const timer = setTimeout(() => void worker?.terminate(), closeDeadlineMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #watch(worker: Worker): void {
    this.#worker = worker;
    this.#aliveSinceMs = performance.now();
    worker.on('message', (message: FromWorker) => {
      if (this.#worker === worker) this.#listener.message(message);
    });
    worker.on('error', (error) => this.#lose(worker, error));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#lose(worker, new Error(`The engine's worker exited with code ${code}.`));
        resolve();
      });
    });
  }

  #lose(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    if (performance.now() - this.#aliveSinceMs > stableMs) this.#deaths = 0;
    this.#listener.down(cause, this.#scheduleRestart());
  }

  #scheduleRestart(): number | null {
    if (this.#isClosing) return null;
    const delayMs = restartDelayMs(this.#deaths);
    this.#deaths += 1;
    const timer = setTimeout(() => {
      if (this.#restart) this.#restart.done = this.#startSuccessor();
    }, delayMs);
    this.#restart = { timer, done: Promise.resolve() };
    return delayMs;
  }

  async #startSuccessor(): Promise<void> {
    let worker: Worker;
    try {
      worker = await this.#start();
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      this.#listener.down(cause, this.#scheduleRestart());
      return;
    }
    this.#restart = null;
    this.#watch(worker);
    if (!this.#isClosing) this.#listener.up();
  }
}

/** After `deaths` in a row. */
export function restartDelayMs(deaths: number): number {
  return Math.min(firstRestartMs * 2 ** deaths, longestRestartMs);
}
