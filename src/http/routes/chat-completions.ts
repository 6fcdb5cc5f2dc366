// POST /v1/chat/completions: a conversation's next message, whole or as a stream.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { toView } from '../answer-view.ts';
import { ChatChunkWriter } from '../chat-chunks.ts';
import { type ChatHeader, toChatCompletion, toChatRequest } from '../chat-wire.ts';
import { toPolicyReport } from '../constraint-wire.ts';
import { openRequest } from '../open-request.ts';
import { renameFields } from '../rename-fields.ts';
import type { AppEnv } from '../request-context.ts';
import { chatRequestSchema } from '../schema/chat-request.ts';
import { sendAnswer } from '../send-answer.ts';
import type { GenerationServices } from '../send-generation.ts';

export function chatCompletions(services: GenerationServices) {
  const schema = chatRequestSchema(services.limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    const opened = await openRequest(context, services, schema);
    const { body, policy } = opened;
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
    const writer = new ChatChunkWriter(view);
    return sendAnswer(context, services, opened, {
      header: { ...header, object: 'chat.completion.chunk' },
      pieces: generation.pieces,
      usage: generation.usage,
      toChunks: (piece) => writer.write(piece),
      toWhole: (pieces) => toChatCompletion(header, pieces, view, generation.usage()),
    });
  };
}
