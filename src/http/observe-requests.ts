// Follows every request from its first header to the end of its body: counts, times, logs and traces it,
// and notices when its client leaves.
import type { Context, MiddlewareHandler } from 'hono';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Tracing } from '../tracing.ts';
import type { Drain } from './drain.ts';
import { clientLeft } from './event-stream.ts';
import { matchedRoute } from './matched-route.ts';
import type { AppEnv } from './request-context.ts';
import { logLine, spanOf } from './request-report.ts';

const ROUTINE_ROUTES: ReadonlySet<string> = new Set([
  '/health',
  '/health/live',
  '/health/ready',
  '/health/startup',
  '/ping',
  '/metrics',
]);

export function observeRequests(
  metrics: Metrics,
  logger: Logger,
  drain: Drain,
  tracing: Tracing | null,
): MiddlewareHandler<AppEnv> {
  return async (context, next) => {
    const startedAt = performance.now();
    const abort = new AbortController();
    const onClientGone = () => abort.abort(clientLeft());
    const { signal } = context.req.raw;
    signal.addEventListener('abort', onClientGone, { once: true });
    context.set('abort', abort);
    context.set('startedAtMs', startedAt);
    context.set('logFields', {});
    context.set('caller', null);
    context.set('onEnd', []);
    context.set('bodyEnded', undefined);
    context.set('generation', undefined);
    drain.enter(abort);

    await next();

    const { method, path } = context.req;
    const { status } = context.res;
    const route = matchedRoute(context) ?? 'none';
    const finish = (): void => {
      for (const giveBack of context.var.onEnd) giveBack();
      drain.leave(abort);
      // Node keeps a request's signal until the request is collected, and this listener holds the request.
      signal.removeEventListener('abort', onClientGone);
      const endMs = performance.now();
      metrics.requestServed({ method, route, status, seconds: (endMs - startedAt) / 1000 });
      const { requestId, generation, logFields } = context.var;
      const request = { requestId, method, route, path: path.slice(0, 200), status };
      const times = { startMs: startedAt, endMs };
      // Probes and scrapes come every few seconds and say little.
      if (ROUTINE_ROUTES.has(route)) {
        logger.debug(logLine(request, times, generation, logFields), 'request');
        return;
      }
      const error = typeof logFields.error === 'string' ? logFields.error : null;
      const served = { ...request, ...times, generation, error };
      const traceId = tracing?.record(spanOf({ ...served, headers: traceHeaders(context) }));
      const traced = traceId === undefined ? logFields : { ...logFields, traceId };
      logger.info(logLine(request, times, generation, traced), 'request');
    };
    const { bodyEnded } = context.var;
    if (bodyEnded === undefined) finish();
    else void bodyEnded.then(finish);
  };
}

function traceHeaders({ req }: Context): Record<string, string> {
  return Object.fromEntries(
    ['traceparent', 'tracestate'].flatMap((name) => {
      const value = req.header(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
