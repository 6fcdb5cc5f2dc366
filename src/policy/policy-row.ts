// A row of a step for which a token may be drawn.
import type { SamplingParameters } from './parameters.ts';
import type { ScoreEdits } from './score-edits.ts';
import type { StepRow } from './step-batch.ts';
import type { TokenMask } from './token-mask.ts';

export interface PolicyRow extends StepRow {
  readonly sampling: SamplingParameters;
  /** Tokens drawn for this row so far: the counter of its next draw. */
  readonly drawn: number;
  /** Null leaves the scores as the models gave them. */
  readonly edits: ScoreEdits | null;
  /** Which tokens may be drawn; null allows all. */
  readonly mask: TokenMask | null;
}
