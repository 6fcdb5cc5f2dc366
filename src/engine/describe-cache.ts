// How large a loaded policy's cache is, in words.
import type { PolicyManifest } from '../policy/manifest.ts';
import type { EngineModel } from './messages.ts';

export function describeCache(
  { maxSequences, maxLength, blocks }: EngineModel,
  { kv_cache: { block_size: blockSize } }: PolicyManifest,
): string {
  return blocks === undefined
    ? `${maxSequences} slots × ${maxLength} tokens`
    : `${blocks} blocks × ${blockSize} tokens, for ${maxSequences} answers of up to ${maxLength}`;
}
