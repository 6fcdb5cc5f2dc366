// How much memory the process may take: the machine's, or less where its container's is less.
import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';

/** Of control groups v2, as a container sees its own. */
const groupFolder = '/sys/fs/cgroup';

/** All there is, in bytes; it does not change while the process runs. */
export function totalMemoryBytes(folder = groupFolder): number {
  return Math.min(totalmem(), limitBytes(folder));
}

/** What nobody uses now, in bytes; pages of files count as unused, since the system gives them up when asked. */
export function availableMemoryBytes(folder = groupFolder): number {
  const limit = limitBytes(folder);
  if (limit === Number.POSITIVE_INFINITY) return freemem();
  const used = Number(read(folder, 'memory.current')) - filePageBytes(folder);
  return Math.min(freemem(), Math.max(0, limit - used));
}

function limitBytes(folder: string): number {
  const limit = Number(read(folder, 'memory.max'));
  return limit > 0 ? limit : Number.POSITIVE_INFINITY; // also where it says "max"
}

function filePageBytes(folder: string): number {
  const lines = read(folder, 'memory.stat').matchAll(/^(?:in)?active_file (\d+)$/gm);
  return [...lines].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** Empty where there are no control groups, or those of version 1. */
function read(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return '';
  }
}
