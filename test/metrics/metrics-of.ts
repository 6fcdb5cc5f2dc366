// The metrics of a server that has one policy, for tests of what surrounds its engine.
import type { Engine } from '../../src/engine/client.ts';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.ts';

export function metricsOf(engine: Engine): Metrics {
  const { manifest, model } = engine;
  return createMetrics(() => [
    {
      model: manifest.id,
      maxLength: model.maxLength,
      slots: model.maxSequences,
      kvCacheTokens: model.maxSequences * model.maxLength,
      blockTokens: null,
      kvCacheBytes: model.kvCacheBytes,
      kvCacheType: manifest.kv_cache.dtype,
      ...engine.inFlight,
    },
  ]);
}
