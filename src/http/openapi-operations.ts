// Parts of the OpenAPI document: how an operation is described, by what it takes, answers and refuses with.
import { z } from 'zod';

const ERRORS = {
  400: 'The request is malformed, out of range or too long for the model.',
  401: 'The server has keys, and the request came without one of them.',
  403: 'The key lacks the scope that the route needs; or, where there are no keys, the request is from a web page that may not send any.',
  404: 'There is no such model.',
  413: 'The body is too large.',
  429: 'The queue is full, or the key has used up its quota; `retry-after` says when to try again.',
  500: 'The server failed.',
  503: 'The server is shutting down, its engine is being restarted, or the policy could not be loaded.',
  504: 'The time given to the request is over.',
} as const;

export function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

function reference(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}

export function json(name: string) {
  return { 'application/json': { schema: reference(name) } };
}

/** A server-sent event: its data is JSON, or the sentinel after the last. */
function event(chunk: string) {
  const contentSchema = { anyOf: [reference(chunk), reference('Error')] };
  const data = {
    type: 'string',
    anyOf: [{ const: '[DONE]' }, { contentMediaType: 'application/json', contentSchema }],
  };
  return { type: 'object', properties: { event: { type: 'string' }, data }, required: ['data'] };
}

export function errors(...statuses: readonly (keyof typeof ERRORS)[]) {
  return Object.fromEntries(
    statuses.map((status) => [status, { description: ERRORS[status], content: json('Error') }]),
  );
}

export function exchange(
  operationId: string,
  summary: string,
  [request, response]: readonly [string, string],
  failures: readonly (keyof typeof ERRORS)[],
) {
  return {
    post: {
      operationId,
      summary,
      requestBody: { required: true, content: json(request) },
      responses: { 200: { description: summary, content: json(response) }, ...errors(...failures) },
    },
  };
}

/** A route whose answers come whole or as a stream. */
export function answering(
  operationId: string,
  summary: string,
  [request, whole, chunk]: readonly [string, string, string],
) {
  return {
    post: {
      operationId,
      summary,
      requestBody: { required: true, content: json(request) },
      responses: {
        200: {
          description: 'The answers; with `stream`, chunks of them as server-sent events.',
          content: { ...json(whole), 'text/event-stream': { itemSchema: event(chunk) } },
        },
        ...errors(400, 401, 403, 404, 413, 429, 500, 503, 504),
      },
    },
  };
}

export function probe(operationId: string, summary: string, statuses: readonly number[]) {
  const responses = statuses.map((status) => [
    status,
    {
      description: status === 200 ? 'Yes.' : 'No.',
      content: { 'application/json': { schema: textObject('status') } },
    },
  ]);
  return { get: { operationId, summary, responses: Object.fromEntries(responses) } };
}

/** An object of one text. */
export function textObject(field: string): object {
  return { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] };
}
