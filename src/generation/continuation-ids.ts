// The tokens of a text that follows a prompt, as the policy would write them: behind the prompt's own tokens, never merged with them.
import { ServerError } from '../errors.ts';
import type { Prompt } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Enough of a prompt for a tokenizer to treat what follows as the middle of a text. */
const CONTEXT_CHARS = 16;

/** `param` names the text in errors. */
export function continuationIds(
  tokenizer: TextTokenizer,
  prompt: Prompt,
  continuation: Prompt,
  param: string,
): readonly number[] {
  if (typeof continuation !== 'string') return continuation;
  const context = typeof prompt === 'string' ? prompt.slice(-CONTEXT_CHARS) : '';
  const inContext = encodeBehind(tokenizer, context, continuation);
  if (inContext !== null) return inContext;
  const ids = encodeAlone(tokenizer, continuation, param);
  if (ids.length > 0) return ids;
  throw new ServerError('invalid_request', `${param} must have at least one token; it has none.`, {
    param,
  });
}

function encodeAlone(tokenizer: TextTokenizer, text: string, param: string): readonly number[] {
  try {
    return tokenizer.encode(text, { addsSpecialTokens: false });
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    const message = error.message.replace(/^prompt/, param);
    throw new ServerError(error.code, message, { param, cause: error });
  }
}

/** Null where the context cannot stand alone or its last token would become another. */
function encodeBehind(
  tokenizer: TextTokenizer,
  context: string,
  continuation: string,
): readonly number[] | null {
  if (context === '') return null;
  try {
    const before = tokenizer.encode(context, { addsSpecialTokens: false });
    const whole = tokenizer.encode(context + continuation, { addsSpecialTokens: false });
    const isPrefix = whole.length > before.length && before.every((id, at) => whole[at] === id);
    return isPrefix ? whole.slice(before.length) : null;
  } catch (error) {
    if (error instanceof ServerError) return null;
    throw error;
  }
}
