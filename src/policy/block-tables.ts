// What a graph over a paged cache is told of a run: where each row's tokens begin, how many it has in the cache, and which
// blocks hold them. Rows lie one behind the other, without padding.
// biome-ignore-all lint/style/noNonNullAssertion: every index within bounds.
import type { HostInputs } from './host-inputs.ts';
import { type StepBatch, tokensRun } from './step-batch.ts';
import type { RowLengths, RunShape } from './step-inputs.ts';

/** For PagedAttention a page that is not there. */
const noBlock = -1;

export class BlockTables implements RowLengths {
  readonly isPacked = true;
  readonly #rowBlocks: number;
  readonly #ends: Int32Array;
  readonly #pasts: Int32Array;
  readonly #table: Int32Array;
  /** What kernels are chosen and their work is measured by, so that they need not read the lengths back. */
  readonly #bounds: Int32Array;

  /** `rowBlocks`: as many as the longest sequence takes. */
  constructor(inputs: HostInputs, sequences: number, rowBlocks: number) {
    const allocate = (name: string, shape: readonly number[]): Int32Array =>
      new Int32Array(inputs.allocate(name, 'int32', shape));
    this.#rowBlocks = rowBlocks;
    this.#ends = allocate('cumulative_sequence_length', [sequences + 1]);
    this.#pasts = allocate('past_seqlens', [sequences]);
    this.#table = allocate('block_table', [sequences, rowBlocks]);
    this.#bounds = allocate('attention_metadata', [3]);
  }

  shapes({ rows, tokens }: RunShape): Record<string, readonly number[]> {
    return {
      input_ids: [tokens],
      cumulative_sequence_length: [rows + 1],
      past_seqlens: [rows],
      block_table: [rows, this.#rowBlocks],
      attention_metadata: [3],
    };
  }

  fill({ rows, width }: StepBatch): void {
    let mostTokens = 0;
    let longest = 0;
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index]!;
      const count = tokensRun(row, width);
      this.#ends[index + 1] = this.#ends[index]! + count;
      this.#pasts[index] = row.past;
      const start = index * this.#rowBlocks;
      this.#table.fill(noBlock, start, start + this.#rowBlocks);
      this.#table.set(row.blocks, start);
      mostTokens = Math.max(mostTokens, count);
      longest = Math.max(longest, row.past + count);
    }
    // Upper bounds of a row's tokens and of its context, and a lower bound of the longest context.
    this.#bounds.set([mostTokens, longest, longest]);
  }
}
