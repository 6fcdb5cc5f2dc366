// Token ids by falling score, sorted only as far as asked: a heap, popped one rank at a time.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.

export class RankedIds {
  readonly #ids: Int32Array;
  #scores: Float32Array = new Float32Array(0);
  #size = 0;

  constructor(capacity: number) {
    this.#ids = new Int32Array(capacity);
  }

  /** Starts over. `scores` must not change while ids are popped. */
  clear(scores: Float32Array): void {
    this.#scores = scores;
    this.#size = 0;
  }

  /** All ids are added before the first is popped. */
  add(id: number): void {
    this.#ids[this.#size++] = id;
  }

  /** To be called between adding and popping. */
  heapify(): void {
    for (let index = (this.#size >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  /** The next id, or −1 when there are no more. */
  pop(): number {
    if (this.#size === 0) return -1;
    const ids = this.#ids;
    const first = ids[0]!;
    ids[0] = ids[--this.#size]!;
    this.#sink(0);
    return first;
  }

  #sink(start: number): void {
    const ids = this.#ids;
    const moving = ids[start]!;
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#precedes(ids[child + 1]!, ids[child]!)) child += 1;
      if (!this.#precedes(ids[child]!, moving)) break;
      ids[index] = ids[child]!;
      index = child;
    }
    ids[index] = moving;
  }

  /** Higher score first; of equals, the lower id. */
  #precedes(a: number, b: number): boolean {
    const difference = this.#scores[a]! - this.#scores[b]!;
    return difference > 0 || (difference === 0 && a < b);
  }
}
