// What every generating route does with a generation: send its events as a stream, and log what it used.
import type { Context } from 'hono';
import type { Catalog } from '../catalog/catalog.ts';
import type { ServerError } from '../errors.ts';
import type { Generation } from '../generation/generator.ts';
import type { Drain } from './drain.ts';
import { type EventNaming, eventStream } from './event-stream.ts';
import { IGNORED_FIELDS_HEADER, ignoredFieldsValue } from './ignored-fields.ts';
import type { Limits } from './limits.ts';
import type { AppEnv } from './request-context.ts';

export interface GenerationServices {
  readonly catalog: Catalog;
  readonly drain: Drain;
  readonly limits: Limits;
  readonly onStreamFailure: (error: unknown, context: Context<AppEnv>) => void;
}

export function streamGeneration(
  context: Context<AppEnv>,
  { onStreamFailure, limits }: Pick<GenerationServices, 'onStreamFailure' | 'limits'>,
  events: AsyncIterable<object>,
  generation: Pick<Generation, 'policy' | 'usage'>,
  naming: EventNaming = 'unnamed',
): Response {
  const hooks = {
    onFailure: (error: unknown) => onStreamFailure(error, context),
    onClientGone: (reason: ServerError) => context.var.abort.abort(reason),
  };
  const { response, ended } = eventStream(events, hooks, limits, naming);
  context.set(
    'bodyEnded',
    ended.then(() => logUsage(context, generation)),
  );
  return response;
}

export function logUsage(
  context: Context<AppEnv>,
  generation: Pick<Generation, 'policy' | 'usage'>,
): void {
  const { promptTokens, cachedTokens, completionTokens } = generation.usage();
  const { beta, extraction } = generation.policy;
  Object.assign(context.var.logFields, {
    promptTokens,
    cachedTokens,
    completionTokens,
    beta: typeof beta === 'number' ? beta : `${beta.start} to ${beta.end}`,
    extraction,
  });
}

export function nameIgnoredFields(response: Response, ignoredFields: readonly string[]): Response {
  const ignored = ignoredFieldsValue(ignoredFields);
  if (ignored !== undefined) response.headers.set(IGNORED_FIELDS_HEADER, ignored);
  return response;
}
