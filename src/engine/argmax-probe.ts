// Telemetry: in each step, whether the value model moved the best token of one row. One row, so that a step costs at most one
// more pass over the vocabulary whatever its batch; the rows take turns, so that the share over many steps is that of all.
import type { PolicyStep } from '../policy/policy.ts';
import { lastScored } from '../policy/step-batch.ts';
import type { StepPlan } from './step-plan.ts';

export class ArgmaxProbe {
  #turn = 0;

  /** Null where the row whose turn it is drew no token or has no use for the value model. Before the step is committed. */
  look(plan: StepPlan, { scores, tokens }: PolicyStep): boolean | null {
    const index = this.#turn % plan.rows.length;
    this.#turn += 1;
    const row = plan.rows[index];
    if (row === undefined || !row.needsValue || (tokens[index] ?? -1) < 0) return null;
    return scores.movesArgmax(lastScored(plan, row, index));
  }
}
