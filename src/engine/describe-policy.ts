// What a policy is and what it would take, read from its folder without loading it.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Device, parseDevice } from '../onnx/device.ts';
import { deviceScoreBytes } from '../policy/device-score-bytes.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import { graphFiles } from '../policy/open-graphs.ts';
import { readManifest } from '../policy/policy-files.ts';
import { servedLength } from '../policy/served-length.ts';
import { cacheSize } from './cache-size.ts';
import type { EngineOptions } from './options.ts';
import { stepCapacity } from './step-capacity.ts';

export interface PolicyDescription {
  readonly folder: string;
  readonly manifest: PolicyManifest;
  /** Prompt and answer together, in tokens. */
  readonly maxLength: number;
  /** Its weights, its caches and, on a device, its scores: what it takes at least while it is loaded. */
  readonly memoryBytes: number;
}

/** Throws one sentence for a folder that holds no policy, or one that cannot be served as `options` say. */
export function describePolicy(options: EngineOptions): PolicyDescription {
  const { modelFolder: folder } = options;
  const manifest = readManifest(folder);
  const maxLength = servedLength(options.maxLength, manifest);
  const size = cacheSize(options, manifest);
  const { scored } = stepCapacity(size, options.prefillChunk);
  const device = parseDevice(options.device);
  const scoreBytes = device.kind === 'cpu' ? 0 : deviceScoreBytes(scored, manifest.vocab_size);
  return {
    folder,
    manifest,
    maxLength,
    memoryBytes: weightBytes(folder, device, manifest) + size.bytes + scoreBytes,
  };
}

/** Of the graphs that are loaded and the weights they may read. */
function weightBytes(folder: string, device: Device, manifest: PolicyManifest): number {
  const weights = Object.keys(manifest.files).filter((name) => name.endsWith('.onnx.data'));
  return [...graphFiles(device, manifest), ...weights].reduce((sum, name) => {
    const path = join(folder, name);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) {
      throw new Error(`${path} does not exist, and policy.json names it.`);
    }
    return sum + status.size;
  }, 0);
}
