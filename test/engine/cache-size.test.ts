import { describe, expect, it } from 'vitest';
import { cacheSize, checkFits } from '../../src/engine/cache-size.ts';
import { describePolicy } from '../../src/engine/describe-policy.ts';
import { readManifest } from '../../src/policy/policy-files.ts';
import { pagedPolicyFolder, tinyPolicyFolder } from '../policy/tiny-policy.ts';

const slots = readManifest(tinyPolicyFolder);
const paged = readManifest(pagedPolicyFolder);
/** Of a block of 16 tokens: keys and values of 16 numbers in float16, for 2 layers of 2 models. */
const blockBytes = 16 * 2 * 16 * 2 * 2 * 2;
const options = { device: 'cpu', maxLength: null, maxSequences: null, kvCacheBytes: null };

describe('describePolicy', () => {
  it('counts on a device what each more answer takes of scores beside its blocks', () => {
    const memory = (device: string, maxSequences: number): number =>
      describePolicy({
        ...{ ...options, modelFolder: pagedPolicyFolder, device, maxSequences },
        ...{ libraryPath: null, threads: 1, prefillChunk: 16, prefixCache: 'off' },
        ...{ queueLimit: 1, queueTokens: 1 },
      }).memoryBytes;
    expect(memory('cpu', 65) - memory('cpu', 64)).toBe(4 * blockBytes);
    expect(memory('cuda', 65) - memory('cuda', 64)).toBe(4 * blockBytes + 136 * paged.vocab_size);
  });
});

describe('cacheSize', () => {
  it('gives each sequence of a paged cache the blocks of the longest, where no memory is given', () => {
    const size = cacheSize({ ...options, maxSequences: 3 }, paged);
    expect(size).toEqual({ sequences: 3, blocks: 12, bytes: 12 * blockBytes });
  });

  it('takes as many blocks as the memory holds, for as many sequences as are asked for', () => {
    const kvCacheBytes = 9 * blockBytes + 1;
    const size = cacheSize({ ...options, maxSequences: 7, kvCacheBytes }, paged);
    expect(size).toEqual({ sequences: 7, blocks: 9, bytes: 9 * blockBytes });
    expect(cacheSize({ ...options, kvCacheBytes }, paged).sequences).toBe(9);
  });

  it('refuses memory that holds not even one sequence of the greatest length', () => {
    expect(() => cacheSize({ ...options, kvCacheBytes: 4 * blockBytes - 1 }, paged)).toThrow(
      'one sequence of up to 64 tokens needs 16384',
    );
  });

  it('counts the slot through which two change places on a device', () => {
    const [host, device] = ['cpu', 'cuda'].map((name) =>
      cacheSize({ ...options, maxSequences: 3, device: name }, slots),
    );
    expect(device?.bytes).toBe(((host?.bytes ?? 0) * 4) / 3);
  });

  it('takes half of the memory at most, and for one sequence at least, where no size is given', () => {
    const slotBytes = cacheSize({ ...options, maxSequences: 1 }, slots).bytes;
    const sequencesOf = (memoryBytes: number, device = 'cpu'): number =>
      cacheSize({ ...options, device }, slots, memoryBytes).sequences;
    expect(sequencesOf(2 * 5 * slotBytes + 1)).toBe(5);
    expect(sequencesOf(2 * 33 * slotBytes)).toBe(32);
    expect(sequencesOf(slotBytes)).toBe(1);
    expect(sequencesOf(slotBytes, 'cuda')).toBe(32);
    expect(cacheSize(options, paged, 2 * 5 * 4 * blockBytes)).toMatchObject({ blocks: 20 });
  });

  it('refuses both where each sequence has a slot, since either sets their number', () => {
    expect(() => cacheSize({ ...options, maxSequences: 3, kvCacheBytes: 1e6 }, slots)).toThrow(
      'max-sequences is 3 and kv-cache-memory 1000000 bytes, and each sets the number of slots of tiny: give one of them.',
    );
  });
});

describe('checkFits', () => {
  it('refuses a cache that the memory has no room for, before it is allocated', () => {
    const size = cacheSize({ ...options, maxSequences: 3 }, slots);
    expect(() => checkFits(size, options, slots, size.bytes)).not.toThrow();
    expect(() => checkFits(size, options, slots, size.bytes - 1)).toThrow(
      `The KV cache of tiny for 3 sequences of up to 64 tokens takes ${size.bytes} bytes, and ${size.bytes - 1} are available: lower max-sequences, kv-cache-memory or max-model-len.`,
    );
    expect(() => checkFits(size, { ...options, device: 'cuda' }, slots, 0)).not.toThrow();
  });
});
