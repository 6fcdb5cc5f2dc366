// How many cores the process may use: those it may run on, or less where its container's share of time is less.
import { availableParallelism } from 'node:os';
import { CONTROL_GROUP_FOLDER, readControlGroup } from '../control-group.ts';

export function coreCount(folder = CONTROL_GROUP_FOLDER): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(quotaCores(folder))));
}

/** Microseconds of each period, or `max`. */
function quotaCores(folder: string): number {
  const [quota = 0, period = 0] = readControlGroup(folder, 'cpu.max').trim().split(' ').map(Number);
  return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY;
}
