// How large the cache gets: as many sequences as were asked for, or as many as fit the memory it may take.
import { kvSlotBytes } from '../policy/kv-slot-bytes.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import { servedLength } from '../policy/served-length.ts';
import { availableMemoryBytes, totalMemoryBytes } from './host-memory.ts';
import type { EngineOptions } from './options.ts';

const defaultSequences = 32;

/** Of the host's memory, where nothing else says how large the cache is; the rest is for weights and for others. */
const defaultShare = 1 / 2;

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

/** `memoryBytes` is what the host has in all. */
export function cacheSize(
  options: SizeOptions,
  manifest: PolicyManifest,
  memoryBytes = totalMemoryBytes(),
): CacheSize {
  const length = servedLength(options.maxLength, manifest);
  const { block_size: blockSize } = manifest.kv_cache;
  const fitting = fittingSequences(options.device, kvSlotBytes(manifest, length), memoryBytes);
  if (blockSize !== undefined) return pagedSize(options, manifest, length, blockSize, fitting);
  const slots = slotCount(options, manifest, length, fitting);
  const bytes = (slots + spareSlots(options.device)) * kvSlotBytes(manifest, length);
  return { sequences: slots, blocks: null, bytes };
}

/** Throws where a cache on the host would not fit in what is unused: Linux would kill the process without a word. */
export function checkFits(
  { sequences, bytes }: CacheSize,
  { device, maxLength }: SizeOptions,
  manifest: PolicyManifest,
  availableBytes = availableMemoryBytes(),
): void {
  if (device !== 'cpu' || bytes <= availableBytes) return;
  const length = servedLength(maxLength, manifest);
  throw new Error(
    `The KV cache of ${manifest.id} for ${sequences} sequences of up to ${length} tokens takes ${bytes} bytes, and ${availableBytes} are available: lower max-sequences, kv-cache-memory or max-model-len.`,
  );
}

/** How many sequences are served where no size is given. */
function fittingSequences(device: string, slotBytes: number, memoryBytes: number): number {
  if (device !== 'cpu') return defaultSequences;
  const fitting = Math.floor((memoryBytes * defaultShare) / slotBytes);
  return Math.max(1, Math.min(defaultSequences, fitting));
}

/** On a device two slots change places through a third. */
function spareSlots(device: string): number {
  return device === 'cpu' ? 0 : 1;
}

function slotCount(
  { maxSequences, kvCacheBytes, device }: SizeOptions,
  manifest: PolicyManifest,
  length: number,
  fitting: number,
): number {
  if (maxSequences !== null && kvCacheBytes !== null) {
    throw new Error(
      `max-sequences is ${maxSequences} and kv-cache-memory ${kvCacheBytes} bytes, and each sets the number of slots of ${manifest.id}: give one of them. Both are for a paged cache.`,
    );
  }
  if (kvCacheBytes === null) return maxSequences ?? fitting;
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
  fitting: number,
): CacheSize {
  const longest = Math.ceil(length / blockSize);
  const blockBytes = kvSlotBytes(manifest, blockSize);
  if (kvCacheBytes === null) {
    const sequences = maxSequences ?? fitting;
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
