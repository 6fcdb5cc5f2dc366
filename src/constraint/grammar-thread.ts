// The main thread's side of a thread that knows grammars. It is started when first needed and again after it has died.
import { Worker } from 'node:worker_threads';
import { createBoard } from '../policy/token-mask.ts';
import type {
  FromGrammarThread,
  GrammarThreadData,
  GrammarVocabulary,
  ToGrammarThread,
} from './messages.ts';
import type { TextFormat } from './text-format.ts';

const START_DEADLINE_MS = 30_000;

/** The format itself is at fault: why, in words that follow its name. */
export class FormatRefusal extends Error {
  override readonly name = 'FormatRefusal' as const;
}

/** The thread died, of this or of another format. */
export class ThreadLoss extends Error {
  override readonly name = 'ThreadLoss' as const;
}

interface Opening {
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

export type LaunchGrammarThread = (data: GrammarThreadData) => Worker;

/** Node runs workers from built files alone. */
export function launchGrammarThread(workerData: GrammarThreadData): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { workerData });
}

export class GrammarThread {
  readonly doorbell = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #vocabulary: GrammarVocabulary;
  readonly #launch: LaunchGrammarThread;
  readonly #onLoss: () => void;
  readonly #openings = new Map<number, Opening>();
  #worker: Promise<Worker> | null = null;
  #alive: Worker | null = null;

  constructor(vocabulary: GrammarVocabulary, launch: LaunchGrammarThread, onLoss: () => void) {
    this.#vocabulary = vocabulary;
    this.#launch = launch;
    this.#onLoss = onLoss;
  }

  createBoard(): SharedArrayBuffer {
    return createBoard(this.#vocabulary.tokens.length);
  }

  /** Resolves when it is ready; rejects with a ThreadLoss. */
  async start(): Promise<void> {
    this.#worker ??= this.#startWorker();
    await this.#worker;
  }

  /** Resolves when `board` has its first mask; rejects with a FormatRefusal or a ThreadLoss. */
  open(id: number, format: TextFormat, board: SharedArrayBuffer): Promise<void> {
    const started = this.start();
    return new Promise((resolve, reject) => {
      started.catch(reject);
      this.#openings.set(id, { resolve, reject });
      // In one turn with the start: neither the thread's loss nor a `close` of this text may come between.
      this.#post({ type: 'open', id, format, board });
    });
  }

  close(id: number): void {
    this.#post({ type: 'close', id });
  }

  /** Whatever it is doing. */
  async kill(): Promise<void> {
    const worker = this.#alive;
    this.#lose(worker);
    await worker?.terminate();
  }

  #post(message: ToGrammarThread): void {
    this.#alive?.postMessage(message);
  }

  #startWorker(): Promise<Worker> {
    const worker = this.#launch({ vocabulary: this.#vocabulary, doorbell: this.doorbell });
    this.#alive = worker;
    // Alone it must not keep the process alive.
    worker.unref();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => void worker.terminate(), START_DEADLINE_MS);
      worker.on('message', (message: FromGrammarThread) => {
        if (message.type !== 'ready') return this.#settle(message, worker);
        clearTimeout(timer);
        resolve(worker);
      });
      const onEnd = () => {
        clearTimeout(timer);
        reject(new ThreadLoss('The grammar thread ended before it was ready.'));
        this.#lose(worker);
      };
      worker.on('error', onEnd);
      worker.on('exit', onEnd);
    });
  }

  #settle(message: Exclude<FromGrammarThread, { type: 'ready' }>, worker: Worker): void {
    const opening = this.#openings.get(message.id);
    this.#openings.delete(message.id);
    if (message.type === 'opened') opening?.resolve();
    else opening?.reject(new FormatRefusal(message.reason));
    // Its exit is yet to be heard of; nothing may be sent to it meanwhile.
    if (message.type === 'refused' && message.isFatal) this.#lose(worker);
  }

  #lose(worker: Worker | null): void {
    if (worker === null || this.#alive !== worker) return;
    this.#alive = null;
    this.#worker = null;
    for (const { reject } of this.#openings.values()) {
      reject(new ThreadLoss('The grammar thread ended.'));
    }
    this.#openings.clear();
    this.#onLoss();
  }
}
