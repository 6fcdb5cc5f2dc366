// POST /v1/completions: OpenAI's text completion, whole or as a stream, plus `beta`, `extraction` and `q`.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { toView } from '../answer-view.ts';
import {
  type CompletionHeader,
  toChunk,
  toCompletion,
  toGenerationRequest,
} from '../completion-wire.ts';
import { toPolicyReport } from '../constraint-wire.ts';
import { openRequest } from '../open-request.ts';
import type { AppEnv } from '../request-context.ts';
import { completionRequestSchema } from '../schema/completion-request.ts';
import { sendAnswer } from '../send-answer.ts';
import type { GenerationServices } from '../send-generation.ts';

export function completions(services: GenerationServices) {
  const schema = completionRequestSchema(services.limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    const opened = await openRequest(context, services, schema);
    const { body, policy } = opened;
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
    return sendAnswer(context, services, opened, {
      header,
      pieces: generation.deltas,
      usage: generation.usage,
      toChunks: (delta) => [toChunk(delta, view)],
      toWhole: (deltas) => toCompletion(header, deltas, view, generation.usage()),
    });
  };
}
