import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { coreCount } from '../../src/policy/core-count.ts';

describe('coreCount', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cgroup-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const all = availableParallelism();

  function countWith(quota: string): number {
    writeFileSync(join(folder, 'cpu.max'), quota);
    return coreCount(folder);
  }

  it('is what the machine has where no share is set', () => {
    expect(countWith('max 100000\n')).toBe(all);
    expect(coreCount(join(folder, 'absent'))).toBe(all);
  });

  it('is the whole cores of a smaller share, at least one', () => {
    expect(countWith('150000 100000\n')).toBe(1);
    expect(countWith('50000 100000\n')).toBe(1);
    expect(countWith(`${all * 100_000} 100000\n`)).toBe(all);
  });

  it('is not more than the machine has', () => {
    expect(countWith('6400000 100000\n')).toBe(Math.min(64, all));
  });
});
