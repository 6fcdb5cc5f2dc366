// How much memory tokens take in the cache: arithmetic on the manifest, for those who plan and do not allocate.
import { elementBytes } from '../onnx/element-type.ts';
import { kvTensors } from './graph-contract.ts';
import type { PolicyManifest } from './manifest.ts';

/** What one sequence of up to `length` tokens takes in the caches of both models. */
export function kvSlotBytes(manifest: PolicyManifest, length: number): number {
  const values = kvTensors(manifest).reduce(
    (sum, { heads, headSize }) => sum + heads * headSize,
    0,
  );
  return values * length * elementBytes(manifest.kv_cache.dtype);
}
