// One run of the step graph, as its caller describes it.
import type { StepWeights } from './parameters.ts';

/** A sequence of tokens of which the first `past` are in the cache. Its caller changes it between runs. */
export interface StepRow {
  /** Room for prompt and answer; the first `length` are known. */
  readonly tokens: Int32Array;
  readonly length: number;
  readonly past: number;
  /** Of a paged cache, the blocks that hold its tokens and those to be run, in order; none where it has slots. */
  readonly blocks: readonly number[];
  readonly weights: StepWeights;
  /** Runs of this row use the value model; false only where β is 0 and π_φ counts whole. */
  readonly needsValue: boolean;
}

export interface StepBatch<Row extends StepRow = StepRow> {
  /** Row i lives in slot `firstSlot + i`; 0 with a paged cache. */
  readonly firstSlot: number;
  readonly rows: readonly Row[];
  /** Tokens run for each row. With slots, a row that has fewer left is padded on the right, and later runs overwrite the padding. */
  readonly width: number;
  /** Score the last token run of each row, or every one of a single row. */
  readonly scoring: 'last' | 'every';
  /** Whose tokens are those of the only row: they are not run, and each draws from the last token of that row too. */
  readonly followers?: readonly Row[];
}

/** Who draws from what a run scores: with `scoring: 'last'` one for each scored position, in their order. */
export function drawingRows<Row extends StepRow>({
  rows,
  followers,
}: StepBatch<Row>): readonly Row[] {
  return followers === undefined ? rows : [...rows, ...followers];
}

/** Whether a run must use the value model: it does for all rows or for none. */
export function usesValue(rows: readonly StepRow[]): boolean {
  return rows.some(({ needsValue }) => needsValue);
}

/** How many of the row's own tokens a run of this width takes. */
export function tokensRun(row: StepRow, width: number): number {
  return Math.min(width, row.length - row.past);
}

/** Which of the scored positions is that of the last token run of `row`, the batch's row `index`. */
export function lastScored({ width, scoring }: StepBatch, row: StepRow, index: number): number {
  return scoring === 'every' ? tokensRun(row, width) - 1 : index;
}
