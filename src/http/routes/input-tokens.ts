// POST /v1/responses/input_tokens: how many tokens a response's request is, without answering it.
import type { Context } from 'hono';
import { openRequest, type RequestServices } from '../open-request.ts';
import { renameFields } from '../rename-fields.ts';
import type { AppEnv } from '../request-context.ts';
import { toResponsesRequest } from '../responses-wire.ts';
import { type InputTokens, inputTokensRequestSchema } from '../schema/input-tokens.ts';
import { nameIgnoredFields } from '../send-generation.ts';
import { RESPONSES_NAMES } from './responses.ts';

export function countInputTokens(services: RequestServices) {
  const { limits } = services;
  const schema = inputTokensRequestSchema(limits);

  return async (context: Context<AppEnv>): Promise<Response> => {
    const { body, ignoredFields, policy } = await openRequest(context, services, schema);
    const asked = { ...body, model: body.model ?? '', input: body.input ?? [] };
    const request = toResponsesRequest(asked, limits, context.var.caller);
    const ids = await renameFields(RESPONSES_NAMES, () =>
      policy.chat.encodeRequest(request, context.var.abort.signal),
    );
    const count: InputTokens = { object: 'response.input_tokens', input_tokens: ids.length };
    return nameIgnoredFields(Response.json(count), ignoredFields);
  };
}
