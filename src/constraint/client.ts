// Grammars as the main thread sees them: open a text of some format, get the mask that the engine will follow.
//
// Two threads know grammars. A format that XGrammar cannot take aborts it, and some take for ever: so each is first tried on
// a thread that nobody else depends on, within a time, and only what has passed there reaches the one that serves.
import { createHash } from 'node:crypto';
import { ServerError } from '../errors.ts';
import { closeBoard, type SharedMask, wasLate } from '../policy/token-mask.ts';
import {
  FormatRefusal,
  GrammarThread,
  type LaunchGrammarThread,
  launchGrammarThread,
  ThreadLoss,
} from './grammar-thread.ts';
import type { GrammarVocabulary } from './messages.ts';
import type { TextFormat } from './text-format.ts';

/** Formats remembered as harmless. */
const MAX_PROVEN = 1024;
/** Formats that may wait to be tried. */
const MAX_UNTRIED = 32;

export interface OpenText {
  readonly mask: SharedMask;
  /** To be called when its sequence has ended, however it did; more often does nothing. */
  release(): void;
}

export interface Constraints {
  /**
   * Opens `count` texts of one format. Throws `invalid_request` for a format that cannot be, naming `param`; the texts are
   * released when `signal` is aborted.
   */
  open(
    format: TextFormat,
    count: number,
    param: string,
    signal: AbortSignal,
  ): Promise<readonly OpenText[]>;
  close(): Promise<void>;
}

export interface ConstraintOptions {
  /** Null for a tokenizer whose tokens are no pieces of text. */
  readonly vocabulary: GrammarVocabulary | null;
  /** How long a format may take to compile. */
  readonly compileTimeoutMs: number;
  /** So many texts more, or fewer, are open. */
  readonly onChange: (change: number) => void;
}

export function createConstraints(
  options: ConstraintOptions,
  launch: LaunchGrammarThread = launchGrammarThread,
): Constraints {
  const { vocabulary } = options;
  if (vocabulary === null || vocabulary.eosTokenIds.length === 0) return unconstrainable();
  return new GrammarThreads(vocabulary, options, launch);
}

class GrammarThreads implements Constraints {
  readonly #serving: GrammarThread;
  readonly #trial: GrammarThread;
  readonly #compileTimeoutMs: number;
  readonly #onChange: (change: number) => void;
  readonly #boards = new Map<number, SharedArrayBuffer>();
  /** Digests of formats, the oldest first. */
  readonly #proven = new Set<string>();
  #untried = 0;
  #lastTrial: Promise<unknown> = Promise.resolve();
  #nextId = 0;

  constructor(
    vocabulary: GrammarVocabulary,
    { compileTimeoutMs, onChange }: ConstraintOptions,
    launch: LaunchGrammarThread,
  ) {
    this.#compileTimeoutMs = compileTimeoutMs;
    this.#onChange = onChange;
    this.#serving = new GrammarThread(vocabulary, launch, () => this.#abandon());
    this.#trial = new GrammarThread(vocabulary, launch, () => {});
  }

  async open(
    format: TextFormat,
    count: number,
    param: string,
    signal: AbortSignal,
  ): Promise<readonly OpenText[]> {
    const texts: OpenText[] = [];
    const release = (): void => {
      for (const text of texts) text.release();
    };
    try {
      await this.#prove(format, signal);
      for (let index = 0; index < count; index += 1) texts.push(await this.#openText(format));
      if (signal.aborted) throw cancelled(signal);
      signal.addEventListener('abort', release, { once: true });
      return texts;
    } catch (error) {
      release();
      throw describe(error, param);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#trial.kill(), this.#serving.kill()]);
  }

  async #openText(format: TextFormat): Promise<OpenText> {
    const id = this.#nextId++;
    const board = this.#serving.createBoard();
    this.#boards.set(id, board);
    this.#onChange(1);
    const release = (): void => {
      if (!this.#boards.delete(id)) return;
      this.#onChange(-1);
      const isStuck = wasLate(board);
      closeBoard(board);
      this.#serving.close(id);
      // It has not answered for so long that the next would wait in vain too.
      if (isStuck) void this.#serving.kill();
    };
    try {
      await this.#serving.open(id, format, board);
    } catch (error) {
      release();
      throw error;
    }
    return { mask: { board, doorbell: this.#serving.doorbell }, release };
  }

  /** Only formats that come out of here whole reach the thread that serves. */
  async #prove(format: TextFormat, signal: AbortSignal): Promise<void> {
    const digest = createHash('sha256').update(JSON.stringify(format)).digest('base64');
    if (this.#proven.has(digest)) return;
    if (this.#untried >= MAX_UNTRIED) {
      throw new ServerError(
        'queue_full',
        `The queue is full: ${MAX_UNTRIED} grammars are waiting to be compiled.`,
      );
    }
    this.#untried += 1;
    const before = this.#lastTrial;
    const trial = (async () => {
      await before;
      if (signal.aborted) throw cancelled(signal);
      await this.#try(format);
    })();
    this.#lastTrial = trial.catch(() => {});
    try {
      await trial;
    } finally {
      this.#untried -= 1;
    }
    this.#proven.add(digest);
    const [oldest] = this.#proven;
    if (this.#proven.size > MAX_PROVEN && oldest !== undefined) this.#proven.delete(oldest);
  }

  async #try(format: TextFormat): Promise<void> {
    const id = this.#nextId++;
    await this.#trial.start();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      void this.#trial.kill();
    }, this.#compileTimeoutMs);
    try {
      await this.#trial.open(id, format, this.#trial.createBoard());
      this.#trial.close(id);
    } catch (error) {
      if (!isLate) throw error;
      throw new FormatRefusal(
        `takes more than ${this.#compileTimeoutMs} ms to compile: it is too large`,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  #abandon(): void {
    for (const board of this.#boards.values()) closeBoard(board);
  }
}

function cancelled({ reason }: AbortSignal): ServerError {
  if (reason instanceof ServerError) return reason;
  return new ServerError('request_cancelled', 'The request was cancelled.');
}

function describe(error: unknown, param: string): unknown {
  if (error instanceof FormatRefusal) {
    const message = `${param} cannot be followed: ${error.message}.`;
    return new ServerError('invalid_request', message, { param, cause: error });
  }
  if (error instanceof ThreadLoss) {
    const message = 'The grammar engine has stopped and is being restarted.';
    return new ServerError('engine_restarting', message, { cause: error });
  }
  return error;
}

function unconstrainable(): Constraints {
  return {
    open(_format, _count, param) {
      const message = `${param} is not supported: this model's tokenizer is of a kind whose answers cannot be constrained, or it has no token that ends one.`;
      return Promise.reject(new ServerError('invalid_request', message, { param }));
    },
    close: () => Promise.resolve(),
  };
}
