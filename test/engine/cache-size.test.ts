import { describe, expect, it } from 'vitest';
import { cacheSize } from '../../src/engine/cache-size.ts';
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
    expect(memory('cuda', 65) - memory('cuda', 64)).toBe(4 * blockBytes + 132 * paged.vocab_size);
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

  it('refuses both where each sequence has a slot, since either sets their number', () => {
    expect(() => cacheSize({ ...options, maxSequences: 3, kvCacheBytes: 1e6 }, slots)).toThrow(
      'max-sequences is 3 and kv-cache-memory 1000000 bytes, and each sets the number of slots of tiny: give one of them.',
    );
  });
});
