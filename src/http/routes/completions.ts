// POST /v1/completions: OpenAI's text completion, whole or as a stream, plus `beta`, `extraction` and `q`.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import type { Generation } from '../../generation/generator.ts';
import type { ChoiceDelta } from '../../generation/request.ts';
import { type AnswerView, toView } from '../answer-view.ts';
import {
  type CompletionHeader,
  toChunk,
  toCompletion,
  toGenerationRequest,
  toUsage,
} from '../completion-wire.ts';
import { toPolicyReport } from '../constraint-wire.ts';
import { openRequest } from '../open-request.ts';
import type { AppEnv } from '../request-context.ts';
import { type CompletionBody, completionRequestSchema } from '../schema/completion-request.ts';
import type { CompletionChunk } from '../schema/completion-response.ts';
import {
  type GenerationServices,
  nameIgnoredFields,
  streamGeneration,
} from '../send-generation.ts';

export function completions(services: GenerationServices) {
  const schema = completionRequestSchema(services.limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    const { body, ignoredFields, policy } = await openRequest(context, services, schema);
    const request = toGenerationRequest(body, services.limits, context.var.caller);
    const view = toView(body, request);
    const generation = await policy.generator.start(request, context.var.abort.signal);
    context.set('generation', generation);
    const header: CompletionHeader = {
      id: `cmpl-${randomUUID()}`,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model: body.model,
      qsft: toPolicyReport(generation),
    };
    const response =
      body.stream === true
        ? streamGeneration(context, services, chunks(body, header, view, generation))
        : await whole(header, view, generation);
    return nameIgnoredFields(response, ignoredFields);
  };
}

async function whole(
  header: CompletionHeader,
  view: AnswerView,
  generation: Generation,
): Promise<Response> {
  const deltas: ChoiceDelta[] = [];
  for await (const delta of generation.deltas) deltas.push(delta);
  return Response.json(toCompletion(header, deltas, view, generation.usage()));
}

async function* chunks(
  body: CompletionBody,
  header: CompletionHeader,
  view: AnswerView,
  generation: Generation,
): AsyncGenerator<CompletionChunk> {
  const includesUsage = body.stream_options?.include_usage === true;
  const isContinuous = body.stream_options?.continuous_usage_stats === true;
  for await (const delta of generation.deltas) {
    const usage = isContinuous ? generation.usage() : null;
    yield toChunk(header, delta, view, includesUsage ? usage : undefined);
  }
  if (includesUsage) yield { ...header, choices: [], usage: toUsage(generation.usage()) };
}
