// Which tokens a grammar allows next, in memory that two threads share: the one that knows the grammar writes it while the
// model runs, the engine's waits for it before it draws. Nothing is allocated for a token.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { reservedScore } from './reserved-score.ts';

/** Words before the mask: how many tokens it follows, how many have been drawn, the last of them, and what became of it all. */
const VERSION = 0;
const WANTED = 1;
const TOKEN = 2;
const STATUS = 3;
const HEADER = 4;

const OPEN = 0;
/** Whoever wrote it is gone, or was told to stop. */
const CLOSED = 1;
/** The engine has given up waiting. */
const LATE = 2;

/** No mask follows so many tokens. */
const NEVER = -(2 ** 31);

/** Of one answer. */
export interface SharedMask {
  readonly board: SharedArrayBuffer;
  /** How long a mask may take once it is wanted. */
  readonly timeoutMs: number;
  /** Rung whenever any answer has a new token. */
  readonly doorbell: SharedArrayBuffer;
}

export function createBoard(vocabularySize: number): SharedArrayBuffer {
  const words = HEADER + Math.ceil(vocabularySize / 32);
  const board = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(board)[VERSION] = -1;
  return board;
}

/** Nobody waits for this mask any longer; who does is woken. */
export function closeBoard(board: SharedArrayBuffer): void {
  const words = new Int32Array(board);
  Atomics.compareExchange(words, STATUS, OPEN, CLOSED);
  // The word that is waited on: who has read the status and does not wait yet must not miss it.
  Atomics.store(words, VERSION, NEVER);
  Atomics.notify(words, VERSION);
}

/** Whether the engine has waited for it in vain. */
export function wasLate(board: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(board), STATUS) === LATE;
}

/** The side of the thread that knows the grammar. */
export class MaskWriter {
  readonly #words: Int32Array;
  readonly #mask: Int32Array;

  constructor(board: SharedArrayBuffer) {
    this.#words = new Int32Array(board);
    this.#mask = this.#words.subarray(HEADER);
  }

  /** The token that was drawn and that no mask follows yet; null when there is none. */
  takeToken(): number | null {
    const isBehind = Atomics.load(this.#words, WANTED) > Atomics.load(this.#words, VERSION);
    return isBehind && Atomics.load(this.#words, STATUS) === OPEN
      ? Atomics.load(this.#words, TOKEN)
      : null;
  }

  /** `mask` follows one token more than the one before. */
  publish(mask: Int32Array): void {
    this.#mask.set(mask.subarray(0, this.#mask.length));
    Atomics.add(this.#words, VERSION, 1);
    Atomics.notify(this.#words, VERSION);
  }
}

/** `late`: ask again; `never`: it is closed, or has taken too long. */
export type MaskState = 'ready' | 'late' | 'never';

/** The engine's side. */
export class TokenMask {
  readonly #words: Int32Array;
  readonly #doorbell: Int32Array;
  readonly #timeoutMs: number;
  #missedSinceMs: number | null = null;

  constructor({ board, doorbell, timeoutMs }: SharedMask) {
    this.#words = new Int32Array(board);
    this.#doorbell = new Int32Array(doorbell);
    this.#timeoutMs = timeoutMs;
  }

  /** A token has been drawn, as `count` are now: the next mask may be made. */
  record(token: number, count: number): void {
    Atomics.store(this.#words, TOKEN, token);
    Atomics.store(this.#words, WANTED, count);
    Atomics.add(this.#doorbell, 0, 1);
    Atomics.notify(this.#doorbell, 0);
  }

  /** Blocks until there is the mask that follows `count` tokens, but not beyond `untilMs` (of `performance.now()`). */
  wait(count: number, untilMs: number): MaskState {
    const words = this.#words;
    for (;;) {
      if (Atomics.load(words, STATUS) !== OPEN) return 'never';
      const version = Atomics.load(words, VERSION);
      if (version === count) {
        this.#missedSinceMs = null;
        return 'ready';
      }
      const nowMs = performance.now();
      this.#missedSinceMs ??= nowMs;
      const deadlineMs = this.#missedSinceMs + this.#timeoutMs;
      if (nowMs >= deadlineMs) {
        Atomics.compareExchange(words, STATUS, OPEN, LATE);
        return 'never';
      }
      if (nowMs >= untilMs) return 'late';
      Atomics.wait(words, VERSION, version, Math.min(untilMs, deadlineMs) - nowMs);
    }
  }

  /** Masks what is not allowed; returns the best token of the rest, the lowest id of equals, or −1 if none is left. */
  apply(scores: Float32Array): number {
    const words = this.#words;
    let best = -1;
    let highest = reservedScore;
    for (let start = 0, word = HEADER; start < scores.length; start += 32, word++) {
      const end = Math.min(start + 32, scores.length);
      const bits = words[word]!;
      if (bits === 0) {
        scores.fill(reservedScore, start, end);
        continue;
      }
      for (let id = start; id < end; id++) {
        if ((bits & (1 << (id - start))) === 0) {
          scores[id] = reservedScore;
        } else if (scores[id]! > highest) {
          highest = scores[id]!;
          best = id;
        }
      }
    }
    return best;
  }
}
