// The HTTP application: every route and what surrounds it. Built without listening, so tests drive it directly.
import { type Context, Hono } from 'hono';
import { every } from 'hono/combine';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { Catalog } from '../catalog/catalog.ts';
import { ServerError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Tracing } from '../tracing.ts';
import { VERSION } from '../version.ts';
import { allowOrigins, refuseOtherOrigins } from './access/cors.ts';
import { type AccessOptions, guard } from './access/guard.ts';
import { requestQuota } from './access/request-quota.ts';
import { closeWhenDraining } from './close-when-draining.ts';
import type { Drain } from './drain.ts';
import { errorResponse, rejectionReason } from './error-response.ts';
import { limitBody } from './limit-body.ts';
import type { Limits } from './limits.ts';
import { noSuchRoute } from './no-such-route.ts';
import { observeRequests } from './observe-requests.ts';
import { openApiDocument } from './openapi-document.ts';
import type { AppEnv } from './request-context.ts';
import { requestId } from './request-id.ts';
import { reloadPolicies } from './routes/admin.ts';
import { chatCompletions } from './routes/chat-completions.ts';
import { completions } from './routes/completions.ts';
import { live, ready, startup } from './routes/health.ts';
import { countInputTokens } from './routes/input-tokens.ts';
import { metricsText } from './routes/metrics.ts';
import { getModel, listModels } from './routes/models.ts';
import { responses } from './routes/responses.ts';
import { score } from './routes/score.ts';
import { detokenize, tokenize, tokenizerInfo } from './routes/tokenizer.ts';

export interface AppServices {
  readonly catalog: Catalog;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly drain: Drain;
  readonly limits: Limits;
  readonly access: AccessOptions;
  /** Null sends no traces. */
  readonly tracing: Tracing | null;
}

const JSON_TYPE = { 'content-type': 'application/json' };

export function createApp(services: AppServices): Hono<AppEnv> {
  const { catalog, metrics, logger, drain, limits } = services;
  const app = new Hono<AppEnv>();
  const document = JSON.stringify(openApiDocument(limits));

  function reportFailure(error: unknown, context: Context<AppEnv>): void {
    const reason = rejectionReason(error);
    metrics.requestRejected(reason);
    context.var.logFields.error = reason;
    if (reason === 'internal_error' || reason === 'engine_failed') {
      logger.error({ requestId: context.var.requestId, err: error }, 'request failed');
    }
  }

  function refuse(error: unknown, context: Context<AppEnv>, headers?: Record<string, string>) {
    reportFailure(error, context);
    return errorResponse(error, headers);
  }

  app.use(requestId());
  app.use(closeWhenDraining(drain));
  app.use(observeRequests(metrics, logger, drain, services.tracing));
  const { keys, corsOrigin } = services.access;
  if (corsOrigin !== null) app.use(allowOrigins(corsOrigin));
  app.use(refuseOtherOrigins(keys, corsOrigin));
  app.use(guard(services.access));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (context, methods) =>
        refuse(wrongMethod(context, methods), context, { allow: methods.join(', ') }),
    }),
  );

  const quota = requestQuota(limits.keyRequests);
  const bounded = every(quota, limitBody(limits));
  const generating = { ...services, onStreamFailure: reportFailure };
  app.post('/v1/completions', bounded, completions(generating));
  app.post('/v1/score', bounded, score(services));
  app.post('/tokenize', bounded, tokenize(services));
  app.post('/detokenize', bounded, detokenize(services));
  app.get('/tokenizer_info', quota, tokenizerInfo(services));
  app.post('/v1/chat/completions', bounded, chatCompletions(generating));
  app.post('/v1/responses', bounded, responses(generating));
  app.post('/v1/responses/input_tokens', bounded, countInputTokens(services));
  app.get('/v1/models', listModels(catalog));
  app.get('/v1/models/:id', getModel(catalog));
  app.post('/admin/reload', reloadPolicies(catalog));
  app.get('/health/live', live);
  app.get('/health', ready(catalog, drain));
  app.get('/health/ready', ready(catalog, drain));
  app.get('/health/startup', startup(catalog));
  app.on(['GET', 'POST'], '/ping', ready(catalog, drain));
  app.get('/metrics', metricsText(metrics));
  app.get('/openapi.json', (context) => context.body(document, 200, JSON_TYPE));
  app.get('/version', (context) => context.json({ version: VERSION }));

  app.notFound(({ req }) => errorResponse(noSuchRoute(req, app.routes)));
  app.onError((error, context) => refuse(error, context));
  return app;
}

function wrongMethod({ req }: Context, methods: readonly string[]): ServerError {
  return new ServerError(
    'method_not_allowed',
    `${req.path.slice(0, 200)} takes ${methods.join(', ')}, not ${req.method}.`,
  );
}
