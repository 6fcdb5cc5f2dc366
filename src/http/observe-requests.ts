// Follows every request from its first header to the end of its body: counts, times and logs it,
// and notices when its client leaves.
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Drain } from './drain.ts';
import { clientLeft } from './event-stream.ts';
import type { AppEnv } from './request-context.ts';

const ROUTINE_ROUTES: ReadonlySet<string> = new Set([
  '/health/live',
  '/health/ready',
  '/health/startup',
  '/metrics',
]);

export function observeRequests(
  metrics: Metrics,
  logger: Logger,
  drain: Drain,
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
    drain.enter(abort);

    await next();

    const { method, path } = context.req;
    const { status } = context.res;
    const route = routeLabel(context);
    const finish = (): void => {
      for (const giveBack of context.var.onEnd) giveBack();
      drain.leave(abort);
      // Node keeps a request's signal until the request is collected, and this listener holds the request.
      signal.removeEventListener('abort', onClientGone);
      const seconds = (performance.now() - startedAt) / 1000;
      metrics.requestServed({ method, route, status, seconds });
      // Probes and scrapes come every few seconds and say little.
      logger[ROUTINE_ROUTES.has(route) ? 'debug' : 'info'](
        {
          requestId: context.var.requestId,
          method,
          path: path.slice(0, 200),
          status,
          durationMs: Math.round(seconds * 1000),
          ...context.var.logFields,
        },
        'request',
      );
    };
    const { bodyEnded } = context.var;
    if (bodyEnded === undefined) finish();
    else void bodyEnded.then(finish);
  };
}

/** The route's pattern, so that the number of labels is bounded; one label for whatever matched none. */
function routeLabel(context: Context): string {
  const pattern = routePath(context, -1);
  return pattern.endsWith('*') ? 'none' : pattern;
}
