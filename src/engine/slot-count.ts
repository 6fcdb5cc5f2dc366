// How many slots the cache gets: as many as were asked for, or as many as fit the memory it may take.
import { kvSlotBytes } from '../policy/kv-slot-bytes.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { EngineOptions } from './options.ts';

const defaultSlots = 32;

/** The graph's small inputs and outputs grow with the slots too. */
const mostSlots = 4096;

export function slotCount(
  {
    maxSequences,
    kvCacheBytes,
    maxLength,
    device,
  }: Pick<EngineOptions, 'maxSequences' | 'kvCacheBytes' | 'maxLength' | 'device'>,
  manifest: PolicyManifest,
): number {
  if (maxSequences !== null || kvCacheBytes === null) return maxSequences ?? defaultSlots;
  const length = maxLength ?? manifest.max_length;
  const slotBytes = kvSlotBytes(manifest, length);
  // On a device two slots change places through a third.
  const spare = device === 'cpu' ? 0 : 1;
  const slots = Math.floor(kvCacheBytes / slotBytes) - spare;
  if (slots < 1) {
    throw new Error(
      `The KV cache may take ${kvCacheBytes} bytes, and one sequence of up to ${length} tokens needs ${slotBytes * (1 + spare)}: give it more, or lower the length.`,
    );
  }
  return Math.min(slots, mostSlots);
}
