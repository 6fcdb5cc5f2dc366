// What every generating route does with a generation: send its events as a stream, and name what it ignored.
import type { Context } from 'hono';
import type { ServerError } from '../errors.ts';
import { type EventNaming, eventStream } from './event-stream.ts';
import { IGNORED_FIELDS_HEADER, ignoredFieldsValue } from './ignored-fields.ts';
import type { RequestServices } from './open-request.ts';
import type { AppEnv } from './request-context.ts';

export interface GenerationServices extends RequestServices {
  readonly onStreamFailure: (error: unknown, context: Context<AppEnv>) => void;
}

export function streamGeneration(
  context: Context<AppEnv>,
  { onStreamFailure, limits }: Pick<GenerationServices, 'onStreamFailure' | 'limits'>,
  events: AsyncIterable<object>,
  naming: EventNaming = 'unnamed',
): Response {
  // Driven without a server, the application gets no environment.
  const outgoing = context.env?.outgoing;
  const hooks = {
    disconnect: outgoing === undefined ? undefined : () => void outgoing.destroy(),
    onFailure: (error: unknown) => onStreamFailure(error, context),
    onClientGone: (reason: ServerError) => context.var.abort.abort(reason),
  };
  const { response, ended } = eventStream(events, hooks, limits, naming);
  context.set('bodyEnded', ended);
  return response;
}

export function nameIgnoredFields(response: Response, ignoredFields: readonly string[]): Response {
  const ignored = ignoredFieldsValue(ignoredFields);
  if (ignored !== undefined) response.headers.set(IGNORED_FIELDS_HEADER, ignored);
  return response;
}
