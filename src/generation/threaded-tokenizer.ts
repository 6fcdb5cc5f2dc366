// A tokenizer that encodes long texts on a thread of its own: some take a second, and the main thread has everyone's streams.
import { Worker } from 'node:worker_threads';
import { ServerError } from '../errors.ts';
import type { EncodeOptions, LocalTokenizer, TextTokenizer } from './tokenizer.ts';
import type { EncodeResult, EncodeTask, TokenizerThreadData } from './tokenizer-messages.ts';

/** So many characters are encoded where they are asked for, between two turns of the event loop; the others on the thread. */
const CHARACTERS_PER_TURN = 1024;

interface Waiting {
  readonly resolve: (ids: readonly number[]) => void;
  readonly reject: (error: Error) => void;
}

export type LaunchTokenizerThread = (data: TokenizerThreadData) => Worker;

/** Node runs workers from built files alone. */
export function launchTokenizerThread(workerData: TokenizerThreadData): Worker {
  return new Worker(new URL('./tokenizer-worker.js', import.meta.url), { workerData });
}

export class ThreadedTokenizer implements TextTokenizer {
  readonly vocabularySize: number;
  readonly definition: object;
  readonly config: object;
  readonly isText: TextTokenizer['isText'];
  readonly decode: TextTokenizer['decode'];
  readonly tokenText: TextTokenizer['tokenText'];
  readonly #local: LocalTokenizer;
  readonly #launch: LaunchTokenizerThread;
  /** Started by the first long text, and again should it die. */
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #charactersLeft = CHARACTERS_PER_TURN;
  readonly #onEncoded: (seconds: number) => void;

  /** `onEncoded` is told how long each text took, waiting for the thread included. */
  constructor(
    local: LocalTokenizer,
    launch: LaunchTokenizerThread = launchTokenizerThread,
    onEncoded: (seconds: number) => void = () => {},
  ) {
    this.#local = local;
    this.#onEncoded = onEncoded;
    this.#launch = launch;
    this.vocabularySize = local.vocabularySize;
    this.definition = local.definition;
    this.config = local.config;
    this.isText = local.isText;
    this.decode = local.decode;
    this.tokenText = local.tokenText;
  }

  encode(
    text: string,
    options: EncodeOptions = {},
  ): readonly number[] | Promise<readonly number[]> {
    const startedAt = performance.now();
    const encoded = (ids: readonly number[]) => {
      this.#onEncoded((performance.now() - startedAt) / 1000);
      return ids;
    };
    if (text.length > this.#charactersLeft)
      return this.#encodeOnThread(text, options).then(encoded);
    if (this.#charactersLeft === CHARACTERS_PER_TURN) {
      setImmediate(() => {
        this.#charactersLeft = CHARACTERS_PER_TURN;
      });
    }
    this.#charactersLeft -= text.length;
    return encoded(this.#local.encode(text, options));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #encodeOnThread(text: string, { addsSpecialTokens = false }: EncodeOptions) {
    this.#worker ??= this.#start();
    const task: EncodeTask = { id: this.#nextId++, text, addsSpecialTokens };
    this.#worker.postMessage(task);
    return new Promise<readonly number[]>((resolve, reject) => {
      this.#waiting.set(task.id, { resolve, reject });
    });
  }

  #start(): Worker {
    const worker = this.#launch({ definition: this.definition, config: this.config });
    // Alone it must not keep the process alive.
    worker.unref();
    worker.on('message', (result: EncodeResult) => this.#settle(result));
    worker.on('error', (cause) => this.#lose(worker, cause));
    worker.on('exit', () => this.#lose(worker, new Error('The tokenizer thread ended.')));
    return worker;
  }

  #settle(result: EncodeResult): void {
    const waiting = this.#waiting.get(result.id);
    this.#waiting.delete(result.id);
    if ('ids' in result) waiting?.resolve([...result.ids]);
    else waiting?.reject(new ServerError('invalid_request', result.refusal, { param: 'prompt' }));
  }

  #lose(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#waiting.clear();
  }
}
