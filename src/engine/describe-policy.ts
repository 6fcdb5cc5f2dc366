// What a policy is and what it would take, read from its folder without loading it.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyManifest } from '../policy/manifest.ts';
import { readManifest } from '../policy/policy-files.ts';
import { servedLength } from '../policy/served-length.ts';
import { cacheSize } from './cache-size.ts';
import type { EngineOptions } from './options.ts';

export interface PolicyDescription {
  readonly folder: string;
  readonly manifest: PolicyManifest;
  /** Prompt and answer together, in tokens. */
  readonly maxLength: number;
  /** Its weights and its caches: what it takes at least while it is loaded. */
  readonly memoryBytes: number;
}

/** Throws one sentence for a folder that holds no policy, or one that cannot be served as `options` say. */
export function describePolicy(options: EngineOptions): PolicyDescription {
  const { modelFolder: folder } = options;
  const manifest = readManifest(folder);
  const maxLength = servedLength(options.maxLength, manifest);
  const cacheBytes = cacheSize(options, manifest).bytes;
  return { folder, manifest, maxLength, memoryBytes: weightBytes(folder, manifest) + cacheBytes };
}

/** Of the graph that is loaded and the weights it may read; `behavior.onnx` and `value.onnx` are for other tools. */
function weightBytes(folder: string, { files }: PolicyManifest): number {
  return Object.keys(files)
    .filter((name) => name === 'step.onnx' || name.endsWith('.onnx.data'))
    .reduce((sum, name) => {
      const path = join(folder, name);
      const status = statSync(path, { throwIfNoEntry: false });
      if (status === undefined) {
        throw new Error(`${path} does not exist, and policy.json names it.`);
      }
      return sum + status.size;
    }, 0);
}
