// Token ids by falling probability, sorted only as far as asked: a heap of all of them, popped one rank at a time.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.

export class RankedIds {
  /**
   * Two regions of one buffer. `[0, heapSize)` is a heap whose root ranks first; what was popped lies behind it,
   * last popped first: rank r is at `size − 1 − r`.
   */
  readonly #ids: Int32Array;
  #probabilities: Float64Array = new Float64Array(0);
  #size = 0;
  #heapSize = 0;

  constructor(capacity: number) {
    this.#ids = new Int32Array(capacity);
  }

  /** Starts over with the ids of at least `floor` and above 0. `probabilities` must not change until the next call. */
  rank(probabilities: Float64Array, floor: number): void {
    this.#probabilities = probabilities;
    let size = 0;
    for (let id = 0; id < probabilities.length; id++) {
      const probability = probabilities[id]!;
      if (probability > 0 && probability >= floor) this.#ids[size++] = id;
    }
    this.#size = size;
    this.#heapSize = size;
    for (let index = (size >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  /** Makes `rank` readable, which must be the next one or an earlier one; false when there are no more ids. */
  reveal(rank: number): boolean {
    if (rank < this.#size - this.#heapSize) return true;
    if (this.#heapSize === 0) return false;
    const ids = this.#ids;
    const end = --this.#heapSize;
    const first = ids[0]!;
    ids[0] = ids[end]!;
    ids[end] = first;
    this.#sink(0);
    return true;
  }

  /** The id at a revealed rank. */
  at(rank: number): number {
    return this.#ids[this.#size - 1 - rank]!;
  }

  /** The ids of the first `count` ranks, or of all revealed when fewer, in no order; valid until `rank`. */
  leading(count: number): Int32Array {
    const revealed = this.#size - this.#heapSize;
    return this.#ids.subarray(this.#size - Math.min(count, revealed), this.#size);
  }

  #sink(start: number): void {
    const ids = this.#ids;
    const moving = ids[start]!;
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heapSize) break;
      if (child + 1 < this.#heapSize && this.#precedes(ids[child + 1]!, ids[child]!)) child += 1;
      if (!this.#precedes(ids[child]!, moving)) break;
      ids[index] = ids[child]!;
      index = child;
    }
    ids[index] = moving;
  }

  /** Higher probability first; of equals, the lower id. */
  #precedes(a: number, b: number): boolean {
    const difference = this.#probabilities[a]! - this.#probabilities[b]!;
    return difference > 0 || (difference === 0 && a < b);
  }
}
