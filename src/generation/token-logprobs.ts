// The engine's log-probabilities, with each token as text and its place in the answer.
import type { TokenEvent, TokenLogprobs } from '../engine/messages.ts';
import { Detokenizer } from './detokenizer.ts';
import type { GeneratedToken } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';

export function describeToken(
  tokenizer: TextTokenizer,
  event: Pick<TokenEvent, 'tokenId' | 'logprob' | 'top'>,
  textOffset: number,
): GeneratedToken {
  return {
    text: tokenizer.tokenText(event.tokenId),
    textOffset,
    logprob: event.logprob,
    top: (event.top ?? []).map(({ tokenId, logprob }) => ({
      text: tokenizer.tokenText(tokenId),
      logprob,
    })),
  };
}

/** `positions[i]` belongs to prompt token i + 1: nothing predicts the first. */
export function describePrompt(
  tokenizer: TextTokenizer,
  promptIds: readonly number[],
  positions: readonly TokenLogprobs[],
): GeneratedToken[] {
  const detokenizer = new Detokenizer(tokenizer, []);
  let textOffset = 0;
  return promptIds.map((tokenId, index) => {
    const position = positions[index - 1];
    const token =
      position === undefined
        ? { text: tokenizer.tokenText(tokenId), textOffset, logprob: null, top: null }
        : describeToken(tokenizer, position, textOffset);
    textOffset += [...detokenizer.push(tokenId)].length;
    return token;
  });
}
