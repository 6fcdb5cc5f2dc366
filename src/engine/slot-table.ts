// Who holds which slot: sequences that run, caches of sequences that have ended, nobody. Pure: it decides what to move
// and keeps its books as if the moves had been made; whoever runs the plan makes them.
import { type Prefix, shareableTokens } from './prefix-index.ts';
import type { SlotMove } from './step-plan.ts';

export class SlotTable {
  readonly #holders: (Prefix | null)[];
  /** Caches that nobody runs on, least recently used first. */
  readonly #cached = new Set<Prefix>();
  #moves: SlotMove[] = [];

  constructor(slots: number) {
    this.#holders = new Array<Prefix | null>(slots).fill(null);
  }

  get holders(): readonly (Prefix | null)[] {
    return this.#holders;
  }

  /** The moves decided since the last call, in the order in which to make them. */
  takeMoves(): readonly SlotMove[] {
    const moves = this.#moves;
    this.#moves = [];
    return moves;
  }

  slotOf(holder: Prefix): number {
    const slot = this.#holders.indexOf(holder);
    if (slot < 0) throw new Error('A sequence without a slot was asked for it.');
    return slot;
  }

  isCached(holder: Prefix): boolean {
    return this.#cached.has(holder);
  }

  /** Whether a slot is empty or could be emptied without dropping `kept`. */
  hasRoomBeside(kept: Prefix): boolean {
    return this.#holders.includes(null) || this.#cached.size > Number(this.#cached.has(kept));
  }

  /** A cache that has been of use is the last to go. */
  touch(holder: Prefix): void {
    if (this.#cached.delete(holder)) this.#cached.add(holder);
  }

  /** Empties slots until `count` are: the least recently used caches go, and only then those that are `wanted`. */
  makeRoom(count: number, wanted: () => ReadonlySet<Prefix>): void {
    const missing = count - this.#holders.filter((holder) => holder === null).length;
    if (missing <= 0) return;
    const spared = wanted();
    const order = [...this.#cached].sort((a, b) => Number(spared.has(a)) - Number(spared.has(b)));
    for (const cache of order.slice(0, missing)) {
      this.#cached.delete(cache);
      this.release(cache);
    }
  }

  /** Brings `rows` together in the first slots, with as few moves as there are gaps; returns them in slot order. */
  gather<Row extends Prefix>(rows: readonly Row[]): readonly Row[] {
    if (rows.every((row, slot) => this.#holders[slot] === row)) return rows;
    const slots = rows.map((row) => this.slotOf(row)).sort((a, b) => a - b);
    const taken = new Set(slots);
    for (let gap = 0; gap < rows.length; gap++) {
      if (!taken.has(gap)) this.#exchange(slots.pop() ?? gap, gap);
    }
    return rows.toSorted((a, b) => this.slotOf(a) - this.slotOf(b));
  }

  /** Moves caches out of the slots from `first`; as many slots must be empty somewhere. */
  open(first: number, count: number): void {
    for (let slot = first; slot < first + count; slot++) {
      if (this.#holders[slot] === null) continue;
      const isOutside = (other: number): boolean => other < first || other >= first + count;
      const empty = this.#holders.findIndex((holder, at) => holder === null && isOutside(at));
      this.#exchange(slot, empty);
    }
  }

  /** An empty slot becomes `holder`'s. */
  hold(slot: number, holder: Prefix): void {
    this.#holders[slot] = holder;
  }

  /** `slot` takes the first `tokens` of what `source` holds. */
  copy(source: Prefix, slot: number, tokens: number): void {
    this.#moves.push({ kind: 'copy', from: this.slotOf(source), to: slot, tokens });
  }

  replace(holder: Prefix, successor: Prefix): void {
    this.#holders[this.slotOf(holder)] = successor;
    this.#cached.delete(holder);
  }

  /** Its slot is empty now. */
  release(holder: Prefix): void {
    this.#holders[this.slotOf(holder)] = null;
  }

  /** Its slot keeps what it ran and others may use, until the slot is needed. */
  retire(holder: Prefix): void {
    const past = shareableTokens(holder);
    const { scope } = holder;
    const tokens = holder.tokens.slice(0, past);
    const valuePast = Math.min(past, holder.valuePast);
    const cache = { scope, tokens, past, valuePast, shareable: past };
    this.#holders[this.slotOf(holder)] = cache;
    this.#cached.add(cache);
  }

  #exchange(from: number, to: number): void {
    const mover = this.#holders[from] ?? null;
    const other = this.#holders[to] ?? null;
    const kind = other === null ? 'copy' : 'swap';
    const tokens = Math.max(mover?.past ?? 0, other?.past ?? 0);
    this.#moves.push({ kind, from, to, tokens });
    this.#holders[to] = mover;
    this.#holders[from] = other;
  }
}
