// POST /v1/chat/completions: a conversation's next message, whole or as a stream.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import type { ChatGeneration } from '../../generation/chat.ts';
import type { AnswerPiece } from '../../generation/read-answers.ts';
import { type AnswerView, toView } from '../answer-view.ts';
import { ChatChunkWriter } from '../chat-chunks.ts';
import { type ChatHeader, toChatCompletion, toChatRequest } from '../chat-wire.ts';
import { toUsage } from '../completion-wire.ts';
import { toPolicyReport } from '../constraint-wire.ts';
import { openRequest } from '../open-request.ts';
import { renameFields } from '../rename-fields.ts';
import type { AppEnv } from '../request-context.ts';
import { type ChatBody, chatRequestSchema } from '../schema/chat-request.ts';
import type { ChatChunk } from '../schema/chat-response.ts';
import {
  type GenerationServices,
  nameIgnoredFields,
  streamGeneration,
} from '../send-generation.ts';

export function chatCompletions(services: GenerationServices) {
  const schema = chatRequestSchema(services.limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    const { body, ignoredFields, policy } = await openRequest(context, services, schema);
    const names = {
      prompt: 'messages',
      max_tokens: body.max_completion_tokens == null ? 'max_tokens' : 'max_completion_tokens',
    };
    const request = toChatRequest(body, services.limits, context.var.caller);
    const view = toView(body, request);
    const generation = await renameFields(names, () =>
      policy.chat.start(request, context.var.abort.signal),
    );
    context.set('generation', generation);
    const header: ChatHeader = {
      id: `chatcmpl-${randomUUID()}`,
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
  header: ChatHeader,
  view: AnswerView,
  generation: ChatGeneration,
): Promise<Response> {
  const pieces: AnswerPiece[] = [];
  for await (const piece of generation.pieces) pieces.push(piece);
  return Response.json(toChatCompletion(header, pieces, view, generation.usage()));
}

async function* chunks(
  body: ChatBody,
  chatHeader: ChatHeader,
  view: AnswerView,
  generation: ChatGeneration,
): AsyncGenerator<ChatChunk> {
  const includesUsage = body.stream_options?.include_usage === true;
  const writer = new ChatChunkWriter(view);
  const header = { ...chatHeader, object: 'chat.completion.chunk' } as const;
  const isContinuous = body.stream_options?.continuous_usage_stats === true;
  for await (const piece of generation.pieces) {
    const soFar = isContinuous ? toUsage(generation.usage()) : null;
    const usage = includesUsage ? { usage: soFar } : {};
    for (const chunk of writer.write(piece)) yield { ...header, ...chunk, ...usage };
  }
  if (includesUsage) yield { ...header, choices: [], usage: toUsage(generation.usage()) };
}
