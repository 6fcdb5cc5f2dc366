// How large the cache gets: as many sequences as were asked for, or as many as fit the memory it may take.
import { kvSlotBytes } from '../policy/kv-slot-bytes.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import { servedLength } from '../policy/served-length.ts';
import type { EngineOptions } from './options.ts';

const defaultSequences = 32;

/** The graph's small inputs and outputs grow with the slots too. */
const mostSlots = 4096;

/** Rows of scores for each sequence of a run, whatever memory there is for blocks. */
const mostPagedSequences = 256;

export interface CacheSize {
  /** Most rows of a run. */
  readonly sequences: number;
  /** Of a paged cache; null where each sequence has a slot. */
  readonly blocks: number | null;
  readonly bytes: number;
}

type SizeOptions = Pick<EngineOptions, 'maxSequences' | 'kvCacheBytes' | 'maxLength' | 'device'>;

export function cacheSize(options: SizeOptions, manifest: PolicyManifest): CacheSize {
  const length = servedLength(options.maxLength, manifest);
  const { block_size: blockSize } = manifest.kv_cache;
  if (blockSize !== undefined) return pagedSize(options, manifest, length, blockSize);
  const slots = slotCount(options, manifest, length);
  const bytes = (slots + spareSlots(options.device)) * kvSlotBytes(manifest, length);
  return { sequences: slots, blocks: null, bytes };
}

/** On a device two slots change places through a third. */
function spareSlots(device: string): number {
  return device === 'cpu' ? 0 : 1;
}

function slotCount(
  { maxSequences, kvCacheBytes, device }: SizeOptions,
  manifest: PolicyManifest,
  length: number,
): number {
  if (maxSequences !== null && kvCacheBytes !== null) {
    throw new Error(
      `max-sequences is ${maxSequences} and kv-cache-memory ${kvCacheBytes} bytes, and each sets the number of slots of ${manifest.id}: give one of them. Both are for a paged cache.`,
    );
  }
  if (kvCacheBytes === null) return maxSequences ?? defaultSequences;
  const slotBytes = kvSlotBytes(manifest, length);
  const spare = spareSlots(device);
  const slots = Math.floor(kvCacheBytes / slotBytes) - spare;
  if (slots < 1) throw tooSmall(kvCacheBytes, length, slotBytes * (1 + spare));
  return Math.min(slots, mostSlots);
}

function pagedSize(
  { maxSequences, kvCacheBytes }: SizeOptions,
  manifest: PolicyManifest,
  length: number,
  blockSize: number,
): CacheSize {
  const longest = Math.ceil(length / blockSize);
  const blockBytes = kvSlotBytes(manifest, blockSize);
  if (kvCacheBytes === null) {
    const sequences = maxSequences ?? defaultSequences;
    return { sequences, blocks: sequences * longest, bytes: sequences * longest * blockBytes };
  }
  const blocks = Math.floor(kvCacheBytes / blockBytes);
  if (blocks < longest) throw tooSmall(kvCacheBytes, length, longest * blockBytes);
  const sequences = maxSequences ?? Math.min(blocks, mostPagedSequences);
  return { sequences, blocks, bytes: blocks * blockBytes };
}

function tooSmall(kvCacheBytes: number, length: number, needed: number): Error {
  return new Error(
    `The KV cache may take ${kvCacheBytes} bytes, and one sequence of up to ${length} tokens needs ${needed}: give it more, or lower the length.`,
  );
}
