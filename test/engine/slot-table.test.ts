import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Prefix } from '../../src/engine/prefix-index.ts';
import { SlotTable } from '../../src/engine/slot-table.ts';

function holder(name: number): Prefix {
  return { scope: '', tokens: Int32Array.of(name), past: 1, valuePast: 1, shareable: 1 };
}

/** A table with a cache for each name, the oldest first, and empty slots besides. */
function tableOf(caches: number, empty: number): { table: SlotTable; cached: readonly Prefix[] } {
  const table = new SlotTable(caches + empty);
  for (let slot = 0; slot < caches; slot += 1) {
    const sequence = holder(slot);
    table.hold(slot, sequence);
    table.retire(sequence);
  }
  return { table, cached: table.holders.filter((one) => one !== null) };
}

describe('SlotTable.makeRoom', () => {
  it('drops no more than it must, the least recently used first, and what is wanted last', () => {
    const story = fc.record({
      wanted: fc.array(fc.boolean(), { maxLength: 12 }),
      empty: fc.nat(3),
      count: fc.nat(15),
    });
    fc.assert(
      fc.property(story, ({ wanted, empty, count }) => {
        const { table, cached } = tableOf(wanted.length, empty);
        const isWanted = (cache: Prefix) => wanted[cached.indexOf(cache)] === true;
        table.makeRoom(count, () => new Set(cached.filter(isWanted)));
        const left = cached.filter((cache) => table.holders.includes(cache));
        const dropped = cached.filter((cache) => !left.includes(cache));
        expect(dropped).toHaveLength(Math.min(cached.length, Math.max(0, count - empty)));
        for (const gone of dropped) {
          for (const kept of left) {
            const isOlder = cached.indexOf(gone) < cached.indexOf(kept);
            expect(isWanted(gone) === isWanted(kept) ? isOlder : isWanted(kept)).toBe(true);
          }
        }
      }),
    );
  });

  it('asks what is wanted only where something has to go', () => {
    const { table } = tableOf(2, 1);
    table.makeRoom(1, () => {
      throw new Error('nothing has to go');
    });
  });
});
