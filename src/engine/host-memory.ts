// How much memory the process may take: the machine's, or less where its container's is less.
import { freemem, totalmem } from 'node:os';
import { CONTROL_GROUP_FOLDER, readControlGroup } from '../control-group.ts';

/** All there is, in bytes; it does not change while the process runs. */
export function totalMemoryBytes(folder = CONTROL_GROUP_FOLDER): number {
  return Math.min(totalmem(), limitBytes(folder));
}

/** What nobody uses now, in bytes; pages of files count as unused, since the system gives them up when asked. */
export function availableMemoryBytes(folder = CONTROL_GROUP_FOLDER): number {
  const limit = limitBytes(folder);
  if (limit === Number.POSITIVE_INFINITY) return freemem();
  const used = Number(readControlGroup(folder, 'memory.current')) - filePageBytes(folder);
  return Math.min(freemem(), Math.max(0, limit - used));
}

function limitBytes(folder: string): number {
  const limit = Number(readControlGroup(folder, 'memory.max'));
  return limit > 0 ? limit : Number.POSITIVE_INFINITY; // also where it says "max"
}

function filePageBytes(folder: string): number {
  const lines = readControlGroup(folder, 'memory.stat').matchAll(/^(?:in)?active_file (\d+)$/gm);
  return [...lines].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
