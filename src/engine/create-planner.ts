// Who plans the steps of a policy, by its cache.
import type { Policy } from '../policy/policy.ts';
import type { CacheSize } from './cache-size.ts';
import type { EngineOptions } from './options.ts';
import { PagedScheduler } from './paged-scheduler.ts';
import { Scheduler } from './scheduler.ts';
import type { Planner } from './step-plan.ts';

/** A reused prefix costs its prompt a run of its own, away from those that are prefilled together: less is not worth it. */
const minReusedTokens = 16;

export function createPlanner(
  { manifest }: Policy,
  { sequences, blocks }: CacheSize,
  { prefillChunk, prefixCache }: Pick<EngineOptions, 'prefillChunk' | 'prefixCache'>,
  maxScored: number,
): Planner {
  const limits = {
    maxSequences: sequences,
    prefillChunk,
    maxScored,
    vocabularySize: manifest.vocab_size,
    eosTokenIds: new Set(manifest.eos_token_ids),
    minReuse: prefixCache === 'off' ? Number.POSITIVE_INFINITY : minReusedTokens,
    sharesAnswers: prefixCache === 'answers',
  };
  const { block_size: blockSize } = manifest.kv_cache;
  return blocks === null || blockSize === undefined
    ? new Scheduler(limits)
    : new PagedScheduler({ ...limits, blocks, blockSize });
}
