// A stand-in for the cache that remembers which tokens of which scope lie in which slot, and checks every plan against it.
import { expect } from 'vitest';
import type { StepPlan } from '../../src/engine/scheduler.ts';
import { tokensRun } from '../../src/policy/step-batch.ts';

/** A token and the scope of the sequence that ran it. */
type Entry = string;

const rubbish: Entry = 'rubbish';

export class SlotModel {
  readonly #slots: (readonly Entry[])[];

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => []);
  }

  move({ moves }: StepPlan): void {
    for (const { kind, from, to, tokens } of moves) {
      const source = this.#at(from).slice(0, tokens);
      if (kind === 'swap') this.#slots[from] = this.#at(to).slice(0, tokens);
      this.#slots[to] = source;
    }
  }

  /** Finds each row's past in its slot and appends what the plan runs. */
  run(plan: StepPlan): void {
    this.#write(plan, (entries) => entries);
  }

  /** A run that fails may have written anything over what it was to run. */
  fail(plan: StepPlan): void {
    this.#write(plan, (entries) => entries.map(() => rubbish));
  }

  #write(plan: StepPlan, written: (entries: readonly Entry[]) => readonly Entry[]): void {
    for (const [index, row] of plan.rows.entries()) {
      const slot = plan.firstSlot + index;
      const { id, cacheScope } = row.request;
      const entries = Array.from(row.tokens.subarray(0, row.length), (token) => {
        return `${cacheScope}:${token}`;
      });
      const past = entries.slice(0, row.past);
      expect(this.#at(slot).slice(0, row.past), `sequence ${id} in slot ${slot}`).toEqual(past);
      const count = tokensRun(row, plan.width);
      expect(count, `tokens run of sequence ${id}`).toBeGreaterThan(0);
      // Right padding leaves rubbish behind the row's own tokens.
      const padding = new Array<Entry>(plan.width - count).fill(rubbish);
      const run = written(entries.slice(row.past, row.past + count));
      this.#slots[slot] = [...past, ...run, ...padding];
    }
  }

  #at(slot: number): readonly Entry[] {
    const content = this.#slots[slot];
    if (!content) throw new Error(`there is no slot ${slot}`);
    return content;
  }
}
