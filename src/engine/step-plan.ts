// One run of the policy as the engine plans it, and whoever plans: with a cache of slots or of blocks.
import type { StepBatch } from '../policy/step-batch.ts';
import type { SequenceRequest } from './messages.ts';
import type { Outcome } from './outcome.ts';
import type { Sequence, SequenceOptions } from './sequence.ts';

/**
 * Before the run: slot `to` takes the first `tokens` tokens of slot `from`; in a swap, slot `from` those of `to` as well.
 * Of a paged cache the slots are its blocks.
 */
export interface SlotMove {
  readonly kind: 'copy' | 'swap';
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
}

export interface StepPlan extends StepBatch<Sequence> {
  readonly kind: 'prefill' | 'decode' | 'mixed';
  /** To be made in this order. */
  readonly moves: readonly SlotMove[];
  /** Sequences that got their places for this run or the next. */
  readonly admitted: readonly Sequence[];
  /** Sequences that lost their places for it. */
  readonly preempted: readonly Sequence[];
}

export interface PlannerLimits extends SequenceOptions {
  /** Rows of a run, and with slots how many there are. */
  readonly maxSequences: number;
  /** Most prompt tokens of a run, padding included; at least 2. */
  readonly prefillChunk: number;
  /** Most positions one run can score; at least 2. */
  readonly maxScored: number;
  /** Fewest tokens that are worth keeping and reusing; Infinity keeps none. */
  readonly minReuse: number;
}

/** Pure: it knows no clock, no model and no thread. Between `plan` and `commit` or `fail` nothing else is called. */
export interface Planner {
  readonly waiting: number;
  readonly running: number;
  /** Share of the cache that those have who run, 0 to 1. */
  readonly cacheUsage: number;
  submit(request: SequenceRequest): void;
  /** False when the sequence has already finished. */
  cancel(id: number): boolean;
  /** The next run, or null when there is nothing to do. */
  plan(): StepPlan | null;
  /** `tokens[i]` was drawn for row i of the plan, its followers behind its rows, if that row has run all its tokens; `noMask`, `noToken` or `lateMask` if none could be. */
  commit(plan: StepPlan, tokens: ArrayLike<number>): readonly Outcome[];
  /** The plan's run failed: its sequences are gone and so is what they had in the cache; the others go on. */
  fail(plan: StepPlan): readonly Sequence[];
}
