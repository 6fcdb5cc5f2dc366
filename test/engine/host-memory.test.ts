import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { availableMemoryBytes, totalMemoryBytes } from '../../src/engine/host-memory.ts';

const folder = mkdtempSync(join(tmpdir(), 'cgroup-'));
afterAll(() => rmSync(folder, { recursive: true }));

function groupOf(limit: string, current: number): string {
  writeFileSync(join(folder, 'memory.max'), `${limit}\n`);
  writeFileSync(join(folder, 'memory.current'), `${current}\n`);
  const stat = 'anon 500\nfile 420\ninactive_anon 7\ninactive_file 300\nactive_file 100\n';
  writeFileSync(join(folder, 'memory.stat'), stat);
  return folder;
}

describe('totalMemoryBytes', () => {
  it("is the machine's, or less where a container's is less", () => {
    expect(totalMemoryBytes(groupOf('max', 900))).toBe(totalmem());
    expect(totalMemoryBytes(groupOf('1000', 900))).toBe(1000);
    expect(totalMemoryBytes(join(folder, 'absent'))).toBe(totalmem());
  });
});

describe('availableMemoryBytes', () => {
  it('counts pages of files as unused, in a container too', () => {
    expect(availableMemoryBytes(groupOf('1000', 900))).toBe(1000 - (900 - 400));
    expect(availableMemoryBytes(groupOf('1000', 1500))).toBe(0);
  });

  it('is what the machine has left where no limit is set', () => {
    const available = availableMemoryBytes(groupOf('max', 900));
    expect(Math.abs(available - freemem())).toBeLessThan(totalmem() / 2);
  });
});
