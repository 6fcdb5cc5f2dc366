// POST /v1/responses: OpenAI's newer form of a conversation, which its Agents SDK speaks by default. Nothing is stored.
import type { Context } from 'hono';
import type { ChatGeneration } from '../../generation/chat.ts';
import { toPolicyReport } from '../constraint-wire.ts';
import { openRequest } from '../open-request.ts';
import { renameFields } from '../rename-fields.ts';
import type { AppEnv } from '../request-context.ts';
import { ResponseWriter } from '../response-writer.ts';
import { toResponse, toResponsesRequest } from '../responses-wire.ts';
import type { ResponseEvent } from '../schema/responses-object.ts';
import { responsesRequestSchema } from '../schema/responses-request.ts';
import {
  type GenerationServices,
  nameIgnoredFields,
  streamGeneration,
} from '../send-generation.ts';

/** This route's names for what generation may refuse. */
export const RESPONSES_NAMES = {
  prompt: 'input',
  messages: 'input',
  max_tokens: 'max_output_tokens',
};

export function responses(services: GenerationServices) {
  const { limits, onStreamFailure } = services;
  const schema = responsesRequestSchema(limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    const { body, ignoredFields, policy } = await openRequest(context, services, schema);
    const request = toResponsesRequest(body, limits, context.var.caller);
    const generation = await renameFields(RESPONSES_NAMES, () =>
      policy.chat.start(request, context.var.abort.signal),
    );
    context.set('generation', generation);
    const writer = new ResponseWriter(
      toResponse(body, toPolicyReport(generation)),
      request.topLogprobs !== null,
    );
    if (body.stream === true) {
      const onFailure = (error: unknown) => onStreamFailure(error, context);
      const events = streamEvents(generation, writer, onFailure);
      const response = streamGeneration(context, services, events, 'named');
      return nameIgnoredFields(response, ignoredFields);
    }
    for await (const _ of writeAll(generation, writer));
    return nameIgnoredFields(Response.json(writer.response), ignoredFields);
  };
}

async function* writeAll(
  generation: ChatGeneration,
  writer: ResponseWriter,
): AsyncGenerator<ResponseEvent> {
  for await (const piece of generation.pieces) {
    yield* piece.kind === 'end' ? writer.close(piece, generation.usage()) : writer.write(piece);
  }
}

/** A failure is an event like others here, and the last. */
async function* streamEvents(
  generation: ChatGeneration,
  writer: ResponseWriter,
  onFailure: (error: unknown) => void,
): AsyncGenerator<ResponseEvent> {
  yield* writer.open();
  try {
    yield* writeAll(generation, writer);
  } catch (error) {
    onFailure(error);
    yield* writer.fail(error, generation.usage());
  }
}
