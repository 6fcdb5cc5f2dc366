// The policy's tokenizer over HTTP: what evaluation harnesses cut prompts with.
import type { Context } from 'hono';
import type { z } from 'zod';
import type { ServedPolicy } from '../../catalog/served-policy.ts';
import { checkVocabulary } from '../../generation/vocabulary.ts';
import { untilAborted } from '../../until-aborted.ts';
import { toConversation } from '../conversation-wire.ts';
import { openRequest, type RequestServices } from '../open-request.ts';
import { renameFields } from '../rename-fields.ts';
import type { AppEnv } from '../request-context.ts';
import {
  type DetokenizeResponse,
  detokenizeRequestSchema,
  type TokenizeResponse,
  tokenizeRequestSchema,
} from '../schema/tokenizer-messages.ts';
import { nameIgnoredFields } from '../send-generation.ts';
import { usePolicy } from '../use-policy.ts';

export function tokenize(services: RequestServices) {
  const schema = tokenizeRequestSchema(services.limits);
  return async (context: Context<AppEnv>): Promise<Response> => {
    const { body, ignoredFields, policy } = await openRequest(context, services, schema);
    const { engine, tokenizer } = policy;
    const tokens = await encode(body, policy, context.var.abort.signal);
    const answer: TokenizeResponse = {
      count: tokens.length,
      max_model_len: engine.model.maxLength,
      tokens: [...tokens],
      token_strs: body.return_token_strs ? tokens.map((id) => tokenizer.tokenText(id)) : null,
    };
    return nameIgnoredFields(Response.json(answer), ignoredFields);
  };
}

function encode(
  body: z.infer<ReturnType<typeof tokenizeRequestSchema>>,
  { engine, tokenizer, chat }: ServedPolicy,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { prompt, messages } = body;
  if (messages != null) {
    return renameFields({ prompt: 'messages' }, () =>
      chat.encode(toConversation({ ...body, messages }), body.add_special_tokens ?? false, signal),
    );
  }
  const addsSpecialTokens = body.add_special_tokens ?? engine.manifest.adds_special_tokens;
  const tokens = tokenizer.encode(prompt ?? '', { addsSpecialTokens });
  return untilAborted(Promise.resolve(tokens), signal);
}

export function detokenize(services: RequestServices) {
  const schema = detokenizeRequestSchema(services.limits);
  return async (context: Context<AppEnv>): Promise<Response> => {
    const { body, ignoredFields, policy } = await openRequest(context, services, schema);
    const { engine, tokenizer } = policy;
    checkVocabulary('tokens', body.tokens, engine.manifest.vocab_size);
    const answer: DetokenizeResponse = { prompt: tokenizer.decode(body.tokens, 'kept') };
    return nameIgnoredFields(Response.json(answer), ignoredFields);
  };
}

/** Of the first policy, or of the one that `?model=` names. */
export function tokenizerInfo({ catalog }: Pick<RequestServices, 'catalog'>) {
  return async (context: Context<AppEnv>): Promise<Response> => {
    const model = context.req.query('model') ?? null;
    const { tokenizer } = await usePolicy(context, catalog, model);
    return Response.json(tokenizer.config);
  };
}
