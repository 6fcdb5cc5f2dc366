// What a graph over slots is told of a run: how many tokens each row has. Rows are padded to one width.
// biome-ignore-all lint/style/noNonNullAssertion: every index within bounds.
import type { HostInputs } from './host-inputs.ts';
import type { StepBatch } from './step-batch.ts';
import type { RowLengths, RunShape } from './step-inputs.ts';

export class SlotLengths implements RowLengths {
  readonly isPacked = false;
  readonly #seqlens: Int32Array;
  readonly #totalLength: Int32Array;

  constructor(inputs: HostInputs, sequences: number) {
    this.#seqlens = new Int32Array(inputs.allocate('seqlens_k', 'int32', [sequences]));
    this.#totalLength = new Int32Array(inputs.allocate('total_sequence_length', 'int32', []));
  }

  shapes({ rows, tokens }: RunShape): Record<string, readonly number[]> {
    return { input_ids: [rows, tokens / rows], seqlens_k: [rows], total_sequence_length: [] };
  }

  fill({ rows, width }: StepBatch): void {
    let longestPast = 0;
    for (let index = 0; index < rows.length; index++) {
      const { past } = rows[index]!;
      // GroupQueryAttention counts the padding too: a row's past + width − 1.
      this.#seqlens[index] = past + width - 1;
      if (past > longestPast) longestPast = past;
    }
    this.#totalLength[0] = longestPast + width;
  }
}
