// Whether a prompt and its answer fit the model.
import { ServerError } from '../errors.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { GenerationRequest, Prompt } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { checkVocabulary } from './vocabulary.ts';

export async function encodePrompt(
  tokenizer: TextTokenizer,
  prompt: Prompt,
  { vocab_size: vocabularySize, adds_special_tokens: addsByDefault }: PolicyManifest,
  asked: boolean | null = null,
): Promise<readonly number[]> {
  const addsSpecialTokens = asked ?? addsByDefault;
  const ids =
    typeof prompt === 'string' ? await tokenizer.encode(prompt, { addsSpecialTokens }) : prompt;
  if (ids.length === 0) {
    throw new ServerError('invalid_request', 'prompt must have at least one token; it has none.', {
      param: 'prompt',
    });
  }
  checkVocabulary('prompt', ids, vocabularySize);
  return ids;
}

/** `maxLength` bounds prompt and answer together. Only an answer length nobody asked for is fitted to what is left. */
export function resolveMaxTokens(
  { maxTokens: asked, defaultMaxTokens }: Pick<GenerationRequest, 'maxTokens' | 'defaultMaxTokens'>,
  promptLength: number,
  maxLength: number,
): number {
  const left = maxLength - promptLength;
  if (left < Math.min(asked ?? 1, 1)) {
    throw new ServerError(
      'context_length_exceeded',
      `This model's maximum context length is ${maxLength} tokens, answer included; the prompt has ${promptLength}.`,
      { param: 'prompt' },
    );
  }
  if (asked === null) return Math.min(defaultMaxTokens, left);
  if (asked > left) {
    throw new ServerError(
      'context_length_exceeded',
      `This model's maximum context length is ${maxLength} tokens; the prompt has ${promptLength} and max_tokens asks for ${asked} more.`,
      { param: 'max_tokens' },
    );
  }
  return asked;
}

export function checkMinTokens(minTokens: number, maxTokens: number): void {
  if (minTokens <= maxTokens) return;
  throw new ServerError(
    'invalid_request',
    `min_tokens must be at most the answer's ${maxTokens} tokens; ${minTokens} was given.`,
    { param: 'min_tokens' },
  );
}
