// How many cores the process may use: those it may run on, or less where its container's share of time is less.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Of control groups v2, as a container sees its own: microseconds of each period, or `max`. */
const quotaFile = '/sys/fs/cgroup/cpu.max';

export function coreCount(file = quotaFile): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(quotaCores(file))));
}

function quotaCores(file: string): number {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return Number.POSITIVE_INFINITY; // no control groups, or those of version 1
  }
  const [quota = 0, period = 0] = text.trim().split(' ').map(Number);
  return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY;
}
