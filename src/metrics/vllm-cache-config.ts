// vLLM's description of its KV cache, in labels: routers and autoscalers multiply blocks by tokens to learn how much fits.
import { Gauge, type Registry } from 'prom-client';
import type { PolicyLoad } from './measurements.ts';

/** A cache of slots is told in blocks of as many tokens as vLLM's have unless told otherwise. */
const BLOCK_TOKENS = 16;

/** One series for each policy that is loaded. `labelsOf` gives what all of vLLM's metrics have. */
export function createVllmCacheConfig(
  registry: Registry,
  loads: () => readonly PolicyLoad[],
  labelsOf: (model: string) => Readonly<Record<'model_name' | 'engine', string>>,
  reusesPrefixes: boolean,
): void {
  new Gauge({
    name: 'vllm:cache_config_info',
    help: 'The KV cache of both models; where it has slots, its blocks are a manner of counting.',
    labelNames: [
      'model_name',
      'engine',
      'block_size',
      'num_gpu_blocks',
      'cache_dtype',
      'enable_prefix_caching',
      'kv_cache_memory_bytes',
      'kv_cache_size_tokens',
      'kv_cache_max_concurrency',
    ],
    registers: [registry],
    collect() {
      this.reset();
      for (const load of loads()) {
        const { model, slots, kvCacheBytes, kvCacheTokens, kvCacheType } = load;
        if (slots === 0) continue;
        const blockTokens = load.blockTokens ?? BLOCK_TOKENS;
        this.set(
          {
            ...labelsOf(model),
            block_size: String(blockTokens),
            num_gpu_blocks: String(Math.floor(kvCacheTokens / blockTokens)),
            cache_dtype: kvCacheType,
            enable_prefix_caching: reusesPrefixes ? 'True' : 'False',
            kv_cache_memory_bytes: String(kvCacheBytes),
            kv_cache_size_tokens: String(kvCacheTokens),
            kv_cache_max_concurrency: String(slots),
          },
          1,
        );
      }
    },
  });
}
