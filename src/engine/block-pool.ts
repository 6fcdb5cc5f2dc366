// Who has which blocks of a paged cache: sequences that run, caches of those that have ended, nobody. A block that is full
// is never written again, so many may have it.
import type { Prefix } from './prefix-index.ts';

export interface PagedPrefix extends Prefix {
  /** What holds its tokens, in order. */
  readonly blocks: readonly number[];
}

export class BlockPool {
  readonly blockSize: number;
  readonly #count: number;
  readonly #free: number[];
  /** By block: how many sequences that run have it, and how many caches. */
  readonly #held: Uint32Array;
  readonly #kept: Uint32Array;
  /** Least recently used first. */
  readonly #caches = new Set<PagedPrefix>();
  #available: number;

  constructor(count: number, blockSize: number) {
    this.blockSize = blockSize;
    this.#count = count;
    this.#available = count;
    this.#free = Array.from({ length: count }, (_, index) => count - 1 - index);
    this.#held = new Uint32Array(count);
    this.#kept = new Uint32Array(count);
  }

  get caches(): Iterable<PagedPrefix> {
    return this.#caches;
  }

  /** Blocks that no sequence has that runs: free, or to be had for a cache. */
  get available(): number {
    return this.#available;
  }

  /** Share of the blocks that sequences have that run. */
  get usage(): number {
    return 1 - this.#available / this.#count;
  }

  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSize);
  }

  /** So many blocks of its own for a sequence, of those available: where none is free, the least recently used caches go. */
  take(count: number): number[] {
    while (this.#free.length < count) {
      const [oldest] = this.#caches;
      if (oldest === undefined) throw new Error('More blocks were taken than are available.');
      this.#drop(oldest);
    }
    const taken = this.#free.splice(this.#free.length - count);
    this.share(taken);
    return taken;
  }

  /** One more sequence has them. */
  share(blocks: readonly number[]): void {
    for (const block of blocks) {
      const before = this.#held[block] ?? 0;
      if (before === 0) this.#available -= 1;
      this.#held[block] = before + 1;
    }
  }

  /** One sequence fewer has them. */
  giveBack(blocks: readonly number[]): void {
    for (const block of blocks) {
      const after = (this.#held[block] ?? 0) - 1;
      this.#held[block] = after;
      if (after > 0) continue;
      this.#available += 1;
      if (this.#kept[block] === 0) this.#free.push(block);
    }
  }

  /** Keeps what a sequence has run, until its blocks are needed. */
  keep(cache: PagedPrefix): void {
    for (const block of cache.blocks) this.#kept[block] = (this.#kept[block] ?? 0) + 1;
    this.#caches.add(cache);
  }

  /** A cache that has been of use is the last to go. */
  touch(prefix: PagedPrefix): void {
    if (this.#caches.delete(prefix)) this.#caches.add(prefix);
  }

  #drop(cache: PagedPrefix): void {
    this.#caches.delete(cache);
    for (const block of cache.blocks) {
      const after = (this.#kept[block] ?? 0) - 1;
      this.#kept[block] = after;
      if (after === 0 && this.#held[block] === 0) this.#free.push(block);
    }
  }
}
