// Grammars as the main thread sees them: open a text of some format, get the mask that the engine will follow.
//
// Two threads know grammars. A format that XGrammar cannot take aborts it, and some take for ever: so each is first tried on
// a thread that nobody else depends on, within a time, and only what has passed there reaches the one that serves.
import { createHash } from 'node:crypto';
import { cancellation, ServerError } from '../errors.ts';
import { closeBoard, type SharedMask, wasLate } from '../policy/token-mask.ts';
import { untilAborted } from '../until-aborted.ts';
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
/** What a mask takes at most, when nothing is compiled before it. */
const MASK_MS = 2000;

export interface OpenText {
  readonly mask: SharedMask;
  /** To be called when its sequence has ended, however it did; more often does nothing. */
  release(): void;
}

export interface Constraints {
  /**
   * Opens `count` texts of one format. Rejects with `invalid_request` for a format that cannot be, naming `param`, and as
   * soon as `signal` is aborted; so do the texts end that are open then.
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
  /** Formats that may wait to be tried. */
  readonly queueLimit: number;
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
  readonly #options: ConstraintOptions;
  readonly #boards = new Map<number, SharedArrayBuffer>();
  /** Digests of formats, the oldest first. */
  readonly #proven = new Set<string>();
  #untried = 0;
  #isClosed = false;
  #lastTrial: Promise<unknown> = Promise.resolve();
  #nextId = 0;

  constructor(
    vocabulary: GrammarVocabulary,
    options: ConstraintOptions,
    launch: LaunchGrammarThread,
  ) {
    this.#options = options;
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
    signal.addEventListener('abort', release, { once: true });
    try {
      await this.#prove(format, signal);
      for (let index = 0; index < count; index += 1) {
        const { text, opened } = this.#openText(format);
        texts.push(text);
        await untilAborted(opened, signal);
      }
      return texts;
    } catch (error) {
      release();
      throw describe(error, param);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#trial.kill(), this.#serving.kill()]);
  }

  #openText(format: TextFormat): { readonly text: OpenText; readonly opened: Promise<void> } {
    const { compileTimeoutMs, onChange } = this.#options;
    const serving = this.#serving;
    const id = this.#nextId++;
    const board = serving.createBoard();
    this.#boards.set(id, board);
    onChange(1);
    const release = (): void => {
      if (!this.#boards.delete(id)) return;
      onChange(-1);
      const isStuck = wasLate(board);
      closeBoard(board);
      serving.close(id);
      // It has not answered for so long that the next would wait in vain too.
      if (isStuck) void serving.kill();
    };
    // Another text's format may be compiled before a mask of this one is made.
    const mask = { board, doorbell: serving.doorbell, timeoutMs: compileTimeoutMs + MASK_MS };
    return { text: { mask, release }, opened: serving.open(id, format, board) };
  }

  /** Only formats that come out of here whole reach the thread that serves. */
  async #prove(format: TextFormat, signal: AbortSignal): Promise<void> {
    const digest = createHash('sha256').update(JSON.stringify(format)).digest('base64');
    if (this.#proven.has(digest)) return;
    const { queueLimit } = this.#options;
    if (this.#untried >= queueLimit) {
      throw new ServerError(
        'queue_full',
        `The queue is full: ${queueLimit} grammars are waiting to be compiled, and no more may.`,
      );
    }
    this.#untried += 1;
    const trial = this.#lastTrial.then(async () => {
      if (signal.aborted) throw cancellation(signal);
      await this.#try(format);
      this.#remember(digest);
    });
    const settled = () => {
      this.#untried -= 1;
    };
    this.#lastTrial = trial.then(settled, settled);
    await untilAborted(trial, signal);
  }

  #remember(digest: string): void {
    this.#proven.add(digest);
    const [oldest] = this.#proven;
    if (this.#proven.size > MAX_PROVEN && oldest !== undefined) this.#proven.delete(oldest);
  }

  async #try(format: TextFormat): Promise<void> {
    // What has waited for its turn meanwhile must not start a thread that nobody ends.
    if (this.#isClosed) throw new ThreadLoss('The grammar threads are closed.');
    const { compileTimeoutMs } = this.#options;
    const id = this.#nextId++;
    await this.#trial.start();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      void this.#trial.kill();
    }, compileTimeoutMs);
    try {
      await this.#trial.open(id, format, this.#trial.createBoard());
      this.#trial.close(id);
    } catch (error) {
      if (!isLate) throw error;
      throw new FormatRefusal(`takes more than ${compileTimeoutMs} ms to compile: it is too large`);
    } finally {
      clearTimeout(timer);
    }
  }

  #abandon(): void {
    for (const board of this.#boards.values()) closeBoard(board);
  }
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
