// The tokens of a text that follows a prompt, as the policy would write them: behind the prompt's own tokens, never merged with them.
import { ServerError } from '../errors.ts';
import type { Prompt } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Enough of a prompt for a tokenizer to treat what follows as the middle of a text. */
const CONTEXT_CHARS = 16;

/** `param` names the text in errors. */
export async function continuationIds(
  tokenizer: TextTokenizer,
  prompt: Prompt,
  continuation: Prompt,
  param: string,
): Promise<readonly number[]> {
  if (typeof continuation !== 'string') return continuation;
  const context = typeof prompt === 'string' ? prompt.slice(-CONTEXT_CHARS) : '';
  const inContext = await encodeBehind(tokenizer, context, continuation);
  if (inContext !== null) return inContext;
  const ids = await encodeAlone(tokenizer, continuation, param);
  if (ids.length > 0) return ids;
  throw new ServerError('invalid_request', `${param} must have at least one token; it has none.`, {
    param,
  });
}

async function encodeAlone(
  tokenizer: TextTokenizer,
  text: string,
  param: string,
): Promise<readonly number[]> {
  try {
    return await tokenizer.encode(text);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    const message = error.message.replace(/^prompt/, param);
    throw new ServerError(error.code, message, { param, cause: error });
  }
}

/** Null where the context cannot stand alone or its last token would become another. */
async function encodeBehind(
  tokenizer: TextTokenizer,
  context: string,
  continuation: string,
): Promise<readonly number[] | null> {
  if (context === '') return null;
  try {
    const before = await tokenizer.encode(context);
    const whole = await tokenizer.encode(context + continuation);
    const isPrefix = whole.length > before.length && before.every((id, at) => whole[at] === id);
    return isPrefix ? whole.slice(before.length) : null;
  } catch (error) {
    if (error instanceof ServerError) return null;
    throw error;
  }
}
