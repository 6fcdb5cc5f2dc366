// One prompt of a request as the engine will get it: written, encoded, truncated, with room for the answer.
import type { Engine } from '../engine/client.ts';
import { ServerError } from '../errors.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import { checkMinTokens, encodePrompt, resolveMaxTokens } from './context-length.ts';
import type { GenerationRequest, Prompt } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface PreparedPrompt {
  readonly ids: readonly number[];
  readonly maxTokens: number;
  /** Null where the answer does not begin with its prompt. */
  readonly echoText: string | null;
}

export async function preparePrompt(
  prompt: Prompt,
  request: GenerationRequest,
  { manifest, model }: Pick<Engine, 'manifest' | 'model'>,
  tokenizer: TextTokenizer,
): Promise<PreparedPrompt> {
  const written = request.suffix === null ? prompt : aroundGap(prompt, request.suffix, manifest);
  const whole = await encodePrompt(tokenizer, written, manifest, request.addsSpecialTokens);
  const ids = truncate(whole, request, model.maxLength);
  const maxTokens = resolveMaxTokens(request, ids.length, model.maxLength);
  checkMinTokens(request.minTokens, maxTokens);
  if (!request.echo) return { ids, maxTokens, echoText: null };
  const isSent = typeof prompt === 'string' && ids === whole;
  const special = request.skipSpecialTokens ? 'dropped' : 'kept';
  return { ids, maxTokens, echoText: isSent ? prompt : tokenizer.decode(ids, special) };
}

function aroundGap(prompt: Prompt, suffix: string, manifest: PolicyManifest): string {
  const template = manifest.fill_in_the_middle ?? null;
  if (template === null) {
    throw new ServerError(
      'invalid_request',
      `suffix is not supported: ${manifest.id} was not trained to fill a gap, its manifest has no fill_in_the_middle template.`,
      { param: 'suffix' },
    );
  }
  if (typeof prompt !== 'string') {
    throw new ServerError('invalid_request', 'suffix needs prompts of text, not of token ids.', {
      param: 'suffix',
    });
  }
  const parts = { prefix: prompt, suffix };
  return template.replace(/\{(prefix|suffix)\}/g, (_, part: keyof typeof parts) => parts[part]);
}

function truncate(
  ids: readonly number[],
  { truncatePromptTokens: asked, maxTokens, defaultMaxTokens }: GenerationRequest,
  maxLength: number,
): readonly number[] {
  if (asked === null) return ids;
  const room = maxTokens ?? defaultMaxTokens;
  if (asked === -1 && room === Number.POSITIVE_INFINITY) return checkFits(ids, maxLength);
  const kept = asked === -1 ? Math.max(1, maxLength - room) : asked;
  return ids.length > kept ? ids.slice(-kept) : ids;
}

/** An answer that takes what is left leaves nothing to say how much that should be. */
function checkFits(ids: readonly number[], maxLength: number): readonly number[] {
  if (ids.length < maxLength) return ids;
  throw new ServerError(
    'invalid_request',
    `truncate_prompt_tokens is -1 and the prompt has ${ids.length} tokens, more than fit into ${maxLength}: say how many the answer may have.`,
    { param: 'truncate_prompt_tokens' },
  );
}
