// What the engine must be told at start; the same object crosses into the worker.
import { z } from 'zod';

export const engineOptionsSchema = z.object({
  /** Folder of one exported policy: `policy.json` and what it names. */
  modelFolder: z.string().min(1),
  /** `cpu`, `cuda` or `cuda:N`. */
  device: z.string().min(1),
  /** Path of a libonnxruntime; null takes the one onnxruntime-node ships. */
  libraryPath: z.string().min(1).nullable(),
  /** Threads that both models may use together; 0: as many as there are cores. */
  threads: z.int().nonnegative(),
  /** Sequences decoded in one batch; null takes as many as `kvCacheBytes` holds, or at most 32. */
  maxSequences: z.int().positive().nullable(),
  /** Memory for the caches of both models; null leaves it to the other sizes. */
  kvCacheBytes: z.int().positive().nullable(),
  /** Prompt and answer together, in tokens; null takes the manifest's. */
  maxLength: z.int().positive().nullable(),
  /** Most prompt tokens (padding included) run between two decode steps; 2 are the fewest that run at once. */
  prefillChunk: z.int().min(2),
  /** What of sequences that have run is kept for prompts that begin like them. */
  prefixCache: z.enum(['prompts', 'answers', 'off']),
  /** Most sequences that may wait for a slot; one more is refused with `queue_full`. */
  queueLimit: z.int().nonnegative(),
  /** Most prompt tokens that may wait while sequences wait. */
  queueTokens: z.int().positive(),
});

export type EngineOptions = z.infer<typeof engineOptionsSchema>;
