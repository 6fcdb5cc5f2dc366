// A stand-in for a paged cache that remembers which tokens of which scope lie where in which block, and whether the value
// model has run them, and checks every plan against it.
import { expect } from 'vitest';
import type { Sequence } from '../../src/engine/sequence.ts';
import type { StepPlan } from '../../src/engine/step-plan.ts';
import { tokensRun, usesValue } from '../../src/policy/step-batch.ts';

interface Entry {
  /** A token and the scope of the sequence that ran it. */
  readonly token: string;
  /** The value model has run it too, and all before it. */
  readonly isValued: boolean;
}

export class BlockModel {
  readonly #blocks: (Entry | undefined)[][];
  readonly #size: number;

  constructor(count: number, size: number) {
    this.#blocks = Array.from({ length: count }, () => []);
    this.#size = size;
  }

  move({ moves }: StepPlan): void {
    for (const { kind, from, to, tokens } of moves) {
      expect(kind).toBe('copy');
      expect(to).not.toBe(from);
      this.#blocks[to] = this.#block(from).slice(0, tokens);
    }
  }

  run({ rows, width }: StepPlan): void {
    const isValued = usesValue(rows);
    for (const row of rows) {
      const count = tokensRun(row, width);
      expect(row.blocks.length * this.#size).toBeGreaterThanOrEqual(row.past + count);
      expect(new Set(row.blocks).size, 'a block twice').toBe(row.blocks.length);
      this.#check(row);
      for (let index = row.past; index < row.past + count; index++) {
        this.#block(row.blocks[Math.floor(index / this.#size)])[index % this.#size] = {
          token: nameOf(row, index),
          isValued: isValued && row.valuePast === row.past,
        };
      }
    }
    // Whatever a row wrote, no other has lost what it had.
    for (const row of rows) this.#check(row);
  }

  /** The first `past` tokens of a sequence are where its blocks say. */
  #check(row: Sequence): void {
    for (let index = 0; index < row.past; index++) {
      const entry = this.#block(row.blocks[Math.floor(index / this.#size)])[index % this.#size];
      expect(entry?.token, `token ${index} of ${row.request.id}`).toBe(nameOf(row, index));
      if (index < row.valuePast) expect(entry?.isValued).toBe(true);
    }
    if (row.needsValue) expect(row.valuePast).toBe(row.past);
  }

  #block(index: number | undefined): (Entry | undefined)[] {
    const block = this.#blocks[index ?? -1];
    if (block === undefined) throw new Error(`There is no block ${index}.`);
    return block;
  }
}

function nameOf({ scope, tokens }: Sequence, index: number): string {
  return `${scope} ${tokens[index]}`;
}
