// POST /v1/completions: OpenAI's text completion, whole or as a stream, plus `beta`, `extraction` and `q`.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import type { Engine } from '../../engine/client.ts';
import type { Generation, Generator } from '../../generation/generator.ts';
import type { ChoiceDelta } from '../../generation/request.ts';
import {
  type CompletionHeader,
  toChunk,
  toCompletion,
  toGenerationRequest,
  toUsage,
} from '../completion-wire.ts';
import type { Drain } from '../drain.ts';
import { eventStream } from '../event-stream.ts';
import { IGNORED_FIELDS_HEADER, ignoredFieldsValue } from '../ignored-fields.ts';
import type { Limits } from '../limits.ts';
import { clientLeft } from '../observe-requests.ts';
import { readBody } from '../request-body.ts';
import type { AppEnv } from '../request-context.ts';
import { type CompletionBody, completionRequestSchema } from '../schema/completion-request.ts';
import type { CompletionChunk } from '../schema/completion-response.ts';
import { assertServed } from './models.ts';

export interface CompletionServices {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly drain: Drain;
  readonly limits: Limits;
  readonly onStreamFailure: (error: unknown, context: Context<AppEnv>) => void;
}

export function completions(services: CompletionServices) {
  const { engine, generator, drain } = services;
  const schema = completionRequestSchema(services.limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    drain.refuseWhenDraining();
    const { body, ignoredFields } = await readBody(context.req, schema);
    assertServed(engine, body.model, 'model');
    const generation = generator.start(toGenerationRequest(body), context.var.abort.signal);
    const header: CompletionHeader = {
      id: `cmpl-${randomUUID()}`,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model: body.model,
      qsft: generation.policy,
    };
    const response =
      body.stream === true
        ? streamed(context, services, body, header, generation)
        : await whole(context, body, header, generation);
    const ignored = ignoredFieldsValue(ignoredFields);
    if (ignored !== undefined) response.headers.set(IGNORED_FIELDS_HEADER, ignored);
    return response;
  };
}

async function whole(
  context: Context<AppEnv>,
  body: CompletionBody,
  header: CompletionHeader,
  generation: Generation,
): Promise<Response> {
  const deltas: ChoiceDelta[] = [];
  for await (const delta of generation.deltas) deltas.push(delta);
  logUsage(context, generation);
  return Response.json(toCompletion(header, deltas, reportsTokens(body), generation.usage()));
}

function streamed(
  context: Context<AppEnv>,
  { onStreamFailure }: CompletionServices,
  body: CompletionBody,
  header: CompletionHeader,
  generation: Generation,
): Response {
  const { response, ended } = eventStream(chunks(body, header, generation), {
    onFailure: (error) => onStreamFailure(error, context),
    onClientGone: () => context.var.abort.abort(clientLeft()),
  });
  context.set(
    'bodyEnded',
    ended.then(() => logUsage(context, generation)),
  );
  return response;
}

async function* chunks(
  body: CompletionBody,
  header: CompletionHeader,
  generation: Generation,
): AsyncGenerator<CompletionChunk> {
  const includesUsage = body.stream_options?.include_usage === true;
  for await (const delta of generation.deltas) {
    yield toChunk(header, delta, reportsTokens(body), includesUsage ? null : undefined);
  }
  if (includesUsage) yield { ...header, choices: [], usage: toUsage(generation.usage()) };
}

function reportsTokens(body: CompletionBody): boolean {
  return body.logprobs != null;
}

function logUsage(context: Context<AppEnv>, generation: Generation): void {
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
