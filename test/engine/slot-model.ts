// A stand-in for the cache that remembers which tokens lie in which slot, and checks every plan against it.
import { expect } from 'vitest';
import type { StepPlan } from '../../src/engine/scheduler.ts';
import { tokensRun } from '../../src/policy/step-batch.ts';

export class SlotModel {
  readonly #slots: number[][];

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => []);
  }

  move({ moves }: StepPlan): void {
    for (const { from, to, tokens } of moves) this.#slots[to] = this.#at(from).slice(0, tokens);
  }

  /** Finds each row's past in its slot and appends what the plan runs. */
  run(plan: StepPlan): void {
    for (const [index, row] of plan.rows.entries()) {
      const slot = plan.firstSlot + index;
      const id = row.request.id;
      const past = [...row.tokens.subarray(0, row.past)];
      expect(this.#at(slot).slice(0, row.past), `sequence ${id} in slot ${slot}`).toEqual(past);
      const count = tokensRun(row, plan.width);
      expect(count, `tokens run of sequence ${id}`).toBeGreaterThan(0);
      const known = row.tokens.subarray(0, row.past + count);
      // Right padding leaves rubbish behind the row's own tokens.
      this.#slots[slot] = [...known, ...new Array<number>(plan.width - count).fill(-1)];
    }
  }

  #at(slot: number): number[] {
    const content = this.#slots[slot];
    if (!content) throw new Error(`there is no slot ${slot}`);
    return content;
  }
}
