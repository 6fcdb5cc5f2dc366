// A stand-in for the cache that remembers which tokens of which scope lie in which slot, whether the value model has run
// them, and whether they were decoded, and checks every plan against it.
import { expect } from 'vitest';
import type { StepPlan } from '../../src/engine/step-plan.ts';
import { tokensRun, usesValue } from '../../src/policy/step-batch.ts';

interface Entry {
  /** A token and the scope of the sequence that ran it. */
  readonly token: string;
  /** The value model has run it too, and all before it. */
  readonly isValued: boolean;
  readonly isDecoded: boolean;
}

const rubbish: Entry = { token: 'rubbish', isValued: false, isDecoded: false };

export class SlotModel {
  readonly #slots: (readonly Entry[])[];
  readonly #sharesAnswers: boolean;

  constructor(slots: number, sharesAnswers: boolean) {
    this.#sharesAnswers = sharesAnswers;
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
    const [leader] = plan.rows;
    for (const { tokens, length, scope, past } of plan.followers ?? []) {
      expect([past, scope]).toEqual([leader?.past, leader?.scope]);
      const own = tokens.subarray(0, length);
      expect(own, 'what a follower would run').toEqual(leader?.tokens.subarray(0, leader.length));
    }
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
      const past = this.#at(slot).slice(0, row.past);
      const count = tokensRun(row, plan.width);
      expect(count, `tokens run of sequence ${id}`).toBeGreaterThan(0);
      const tokens = Array.from(
        row.tokens.subarray(0, row.past + count),
        (token) => `${cacheScope}:${token}`,
      );
      const where = `sequence ${id} in slot ${slot}`;
      expect(
        past.map(({ token }) => token),
        where,
      ).toEqual(tokens.slice(0, row.past));
      const isValuedSoFar = past.every(({ isValued }) => isValued);
      if (row.needsValue) expect(isValuedSoFar, `value cache of ${where}`).toBe(true);
      const isValued = usesValue(plan.rows) && isValuedSoFar;
      const isDecoded = plan.kind === 'decode';
      if (!this.#sharesAnswers) {
        const prompt = past.slice(0, row.request.promptIds.length);
        expect(
          prompt.some((entry) => entry.isDecoded),
          `a decoded prompt of ${where}`,
        ).toBe(false);
      }
      const run = written(tokens.slice(row.past).map((token) => ({ token, isValued, isDecoded })));
      // Right padding leaves rubbish behind the row's own tokens.
      const padding = new Array<Entry>(plan.width - count).fill(rubbish);
      this.#slots[slot] = [...past, ...run, ...padding];
    }
  }

  #at(slot: number): readonly Entry[] {
    const content = this.#slots[slot];
    if (!content) throw new Error(`there is no slot ${slot}`);
    return content;
  }
}
