// What the catalog knows of one policy: whether it is in memory, on its way there, or could not be loaded.
import type { PolicyDescription } from '../engine/describe-policy.ts';
import type { ServerError } from '../errors.ts';
import type { Resident } from './resident.ts';

export type PolicyState = 'loaded' | 'loading' | 'unloaded' | 'failed';

export interface Entry {
  description: PolicyDescription;
  resident: Resident | null;
  /** Its successor needs the memory: whoever comes now waits until it is loaded again. */
  isLeaving: boolean;
  loading: Promise<void> | null;
  waiting: number;
  /** By the catalog's count of uses. */
  lastUse: number;
  failure: { readonly error: ServerError; readonly atMs: number } | null;
}

export function newEntry(description: PolicyDescription): Entry {
  return {
    description,
    resident: null,
    isLeaving: false,
    loading: null,
    waiting: 0,
    lastUse: 0,
    failure: null,
  };
}

export function stateOf({ resident, loading, failure }: Entry): PolicyState {
  if (resident !== null) return 'loaded';
  if (loading !== null) return 'loading';
  return failure === null ? 'unloaded' : 'failed';
}

interface Loaded {
  readonly entry: Entry;
  readonly resident: Resident;
}

/** Of those that nobody uses, if there are any. */
export function leastRecentlyUsed(entries: readonly Entry[]): Loaded | undefined {
  const loaded = entries.flatMap((entry) =>
    entry.resident === null ? [] : [{ entry, resident: entry.resident }],
  );
  const idle = loaded.filter(({ resident }) => resident.isIdle);
  const candidates = idle.length > 0 ? idle : loaded;
  return candidates.toSorted((a, b) => a.entry.lastUse - b.entry.lastUse)[0];
}
