// Random sequences of what the scheduler asks of the slot table, against memory in which its moves are made.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestPrefix, type Prefix, shareableTokens } from '../../src/engine/prefix-index.ts';
import { SlotTable } from '../../src/engine/slot-table.ts';

/** A sequence that runs: it writes its own tokens into its slot. */
interface Row extends Prefix {
  past: number;
  valuePast: number;
}

const longest = 6;

type Action =
  | { readonly kind: 'start'; readonly count: number; readonly shareable: number }
  | { readonly kind: 'run'; readonly row: number }
  | { readonly kind: 'end'; readonly row: number; readonly isKept: boolean }
  | { readonly kind: 'follow'; readonly cache: number; readonly takesOver: boolean };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('start' as const),
    count: fc.integer({ min: 1, max: 4 }),
    shareable: fc.integer({ min: 1, max: longest }),
  }),
  fc.record({ kind: fc.constant('run' as const), row: fc.nat(5) }),
  fc.record({ kind: fc.constant('end' as const), row: fc.nat(5), isKept: fc.boolean() }),
  fc.record({ kind: fc.constant('follow' as const), cache: fc.nat(5), takesOver: fc.boolean() }),
);

class TableModel {
  readonly #table: SlotTable;
  readonly #memory: number[][];
  #rows: readonly Row[] = [];
  /** Caches, least recently used first. */
  #caches: Prefix[] = [];
  #names = 0;

  constructor(slots: number) {
    this.#table = new SlotTable(slots);
    this.#memory = Array.from({ length: slots }, () => []);
  }

  run(next: Action): void {
    if (next.kind === 'start') this.#start(this.#newRows(next.count, next.shareable));
    else if (next.kind === 'run') this.#runRow(next.row);
    else if (next.kind === 'end') this.#end(next.row, next.isKept);
    else this.#follow(next.cache, next.takesOver);
    this.#check();
  }

  get #free(): number {
    return this.#memory.length - this.#rows.length;
  }

  #newRows(count: number, shareable: number): Row[] {
    return Array.from({ length: Math.min(count, this.#free) }, () => {
      const tokens = new Int32Array(longest).fill(this.#names++);
      return { scope: '', tokens, past: 0, valuePast: 0, shareable };
    });
  }

  /** As the scheduler places what it admits: behind those that run. */
  #start(added: readonly Row[], source: Prefix | null = null): void {
    const empty = this.#table.holders.filter((holder) => holder === null).length;
    this.#table.makeRoom(added.length, () => new Set(source === null ? [] : [source]));
    const spared = this.#caches.filter((cache) => cache !== source);
    const dropped = spared.slice(0, Math.max(0, added.length - empty));
    this.#caches = this.#caches.filter((cache) => !dropped.includes(cache));
    const before = this.#table.holders.filter((holder) => holder !== null);
    this.#rows = this.#table.gather(this.#rows);
    this.#table.open(this.#rows.length, added.length);
    const after = new Set(this.#table.holders);
    for (const holder of before) expect(after.has(holder), 'a holder without a slot').toBe(true);
    for (const [index, row] of added.entries()) {
      const slot = this.#rows.length + index;
      expect(this.#table.holders[slot], `slot ${slot}`).toBeNull();
      this.#table.hold(slot, row);
    }
    this.#rows = [...this.#rows, ...added];
  }

  #runRow(index: number): void {
    const gaps = this.#rows.filter((row) => this.#table.slotOf(row) >= this.#rows.length).length;
    this.#rows = this.#table.gather(this.#rows);
    expect(this.#move(), 'moves').toBeLessThanOrEqual(gaps);
    expect(this.#table.holders.slice(0, this.#rows.length)).toEqual(this.#rows);
    const row = this.#rows[index];
    if (row === undefined || row.past === longest) return;
    const memory = this.#memory[this.#table.slotOf(row)];
    if (memory !== undefined) memory[row.past] = row.tokens[row.past] ?? Number.NaN;
    row.past += 1;
    row.valuePast = row.past;
  }

  #end(index: number, isKept: boolean): void {
    const row = this.#rows[index];
    if (row === undefined) return;
    const slot = this.#table.slotOf(row);
    this.#rows = this.#rows.filter((other) => other !== row);
    if (!isKept) {
      this.#table.release(row);
      return;
    }
    this.#table.retire(row);
    const cache = this.#table.holders[slot] ?? null;
    if (cache === null) throw new Error('a cache was lost');
    const past = shareableTokens(row);
    expect(cache).toMatchObject({ past, valuePast: past, tokens: row.tokens.slice(0, past) });
    this.#caches.push(cache);
  }

  /** A row that begins with a cache: in its slot, or in a copy. */
  #follow(index: number, takesOver: boolean): void {
    const cache = this.#caches[index];
    if (cache === undefined) return;
    const { past } = cache;
    const tokens = new Int32Array(longest).fill(this.#names++);
    tokens.set(cache.tokens);
    const row: Row = { scope: '', tokens, past: 0, valuePast: 0, shareable: longest };
    if (takesOver || !this.#table.hasRoomBeside(cache)) {
      this.#table.replace(cache, row);
      this.#caches = this.#caches.filter((other) => other !== cache);
      this.#rows = [...this.#rows, row];
    } else {
      this.#table.touch(cache);
      this.#caches = [...this.#caches.filter((other) => other !== cache), cache];
      this.#start([row], cache);
      this.#table.copy(cache, this.#table.slotOf(row), past);
    }
    row.past = past;
    row.valuePast = past;
  }

  #move(): number {
    const moves = this.#table.takeMoves();
    for (const { kind, from, to, tokens } of moves) {
      const [source, target] = [this.#memory[from] ?? [], this.#memory[to] ?? []];
      this.#memory[to] = source.slice(0, tokens);
      this.#memory[from] = kind === 'swap' ? target.slice(0, tokens) : [];
      if (kind === 'copy') this.#memory[from] = source;
    }
    return moves.length;
  }

  #check(): void {
    this.#move();
    const holders = this.#table.holders;
    const held = holders.filter((holder) => holder !== null);
    expect(new Set(held), 'who has a slot').toEqual(new Set([...this.#rows, ...this.#caches]));
    expect(held).toHaveLength(this.#rows.length + this.#caches.length);
    for (const [slot, holder] of holders.entries()) {
      if (holder === null) continue;
      const content = this.#memory[slot]?.slice(0, holder.past);
      expect(content, `slot ${slot}`).toEqual([...holder.tokens.subarray(0, holder.past)]);
      expect(this.#table.isCached(holder)).toBe(this.#caches.includes(holder));
    }
    for (const cache of this.#caches) {
      if (cache.past === 0) continue;
      const next = { scope: '', tokens: Int32Array.of(...cache.tokens, -1), needsValue: true };
      const match = longestPrefix(holders, { ...next, length: cache.past + 1 }, cache.past);
      expect(match?.tokens, 'a cache that is not found').toBe(cache.past);
    }
  }
}

describe('SlotTable, under random use', () => {
  it('loses nobody, and leaves in every slot what its holder has run', () => {
    const stories = fc.array(action, { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), stories, (slots, actions) => {
        const model = new TableModel(slots);
        for (const next of actions) model.run(next);
      }),
      { numRuns: 500 },
    );
  });
});
