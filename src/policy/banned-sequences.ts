// Rows of tokens that must not appear in an answer: which tokens would complete one now.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { reservedScore } from './reserved-score.ts';

export class BannedSequences {
  readonly #sequences: readonly (readonly number[])[];
  readonly #answer: Int32Array;
  /** What the masked tokens of the row at hand scored. */
  readonly #before = new Map<number, number>();
  #length = 0;

  constructor(sequences: readonly (readonly number[])[], maxTokens: number) {
    this.#sequences = sequences;
    this.#answer = new Int32Array(maxTokens);
  }

  /** A token has been generated. */
  record(id: number): void {
    this.#answer[this.#length++] = id;
  }

  /** Masks the tokens that would complete a row; a draw needs some token, so none where no other is left. */
  mask(scores: Float32Array): void {
    const before = this.#before;
    before.clear();
    for (const sequence of this.#sequences) {
      const last = sequence.at(-1);
      if (last === undefined || before.has(last) || !this.#isOneShort(sequence)) continue;
      before.set(last, scores[last]!);
      scores[last] = reservedScore;
    }
    if (before.size === 0 || scores.some((score) => score > reservedScore)) return;
    for (const [id, score] of before) scores[id] = score;
  }

  /** Whether the answer ends with all of the row but its last token. */
  #isOneShort(sequence: readonly number[]): boolean {
    const start = this.#length - (sequence.length - 1);
    if (start < 0) return false;
    for (let index = 0; index < sequence.length - 1; index++) {
      if (this.#answer[start + index] !== sequence[index]) return false;
    }
    return true;
  }
}
