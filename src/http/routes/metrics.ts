// GET /metrics, in Prometheus' text format.
import type { Context } from 'hono';
import type { Metrics } from '../../metrics/metrics.ts';

export function metricsText({ registry }: Metrics) {
  return async (context: Context): Promise<Response> =>
    context.body(await registry.metrics(), 200, { 'content-type': registry.contentType });
}
