// A graph's bindings to the ranges of slots that have been run: made when first needed, the oldest making room for a new one.
import type { CacheBinding } from './cache-binding.ts';
import type { CacheRange } from './kv-cache.ts';

/** One per batch size for decoding, one per slot for prefill, and as many again for prefills of several slots. */
const bindingsPerSequence = 3;

export class RangeBindings {
  readonly #most: number;
  readonly #bind: (range: CacheRange) => CacheBinding;
  readonly #bindings = new Map<string, CacheBinding>();

  constructor(sequences: number, bind: (range: CacheRange) => CacheBinding) {
    this.#most = bindingsPerSequence * sequences;
    this.#bind = bind;
  }

  /** Valid until the next call. */
  of(range: CacheRange): CacheBinding {
    const key = `${range.first} ${range.count}`;
    const known = this.#bindings.get(key);
    if (known) return known;
    this.#makeRoom();
    const binding = this.#bind(range);
    this.#bindings.set(key, binding);
    return binding;
  }

  release(): void {
    for (const binding of this.#bindings.values()) binding.release();
  }

  #makeRoom(): void {
    if (this.#bindings.size < this.#most) return;
    for (const [key, oldest] of this.#bindings) {
      oldest.release();
      this.#bindings.delete(key);
      return;
    }
  }
}
