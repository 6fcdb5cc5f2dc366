import { describe, expect, it } from 'vitest';
import { judge, type Sample } from '../../scripts/soak/verdict.ts';

/** A sample a minute, 100 requests each. */
function run(residentMib: readonly number[]): Sample[] {
  return residentMib.map((mib, minute) => ({ minute, residentMib: mib, requests: 100 * minute }));
}

describe("a soak test's verdict", () => {
  it('leaves out the warm-up', () => {
    expect(judge(run([10, 60, 90, 90, 90, 90, 90, 90]), 1)).toMatchObject({
      grownMib: 0,
      isFlat: true,
    });
  });

  it('finds memory that grows all the time, and says by how much a request', () => {
    const growing = Array.from({ length: 40 }, (_, minute) => 100 + minute);
    expect(judge(run(growing), 16)).toEqual({
      grownMib: 20,
      grownBytesPerRequest: (20 * 2 ** 20) / 2000,
      isFlat: false,
    });
  });

  it('does not count a single peak', () => {
    expect(judge(run([90, 90, 90, 90, 90, 90, 90, 90, 90, 90, 500, 90]), 1).isFlat).toBe(true);
  });
});
