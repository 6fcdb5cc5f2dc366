// What runs a batch through both models and their combination: one graph for all of it, or one each side by side.
import type { PolicyRow } from './policy-row.ts';
import type { StepBatch } from './step-batch.ts';
import type { StepScores } from './step-scores.ts';

export interface StepRunner {
  /** Valid until the next run. */
  run(batch: StepBatch<PolicyRow>): StepScores;
  release(): void;
}
