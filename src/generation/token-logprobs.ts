// The engine's ratings of tokens, with each token as text and its place in the answer.
import type { DrawnToken, RatedToken, TokenDetails, TokenLogprobs } from '../engine/messages.ts';
import { Detokenizer } from './detokenizer.ts';
import type { GeneratedToken, ModelsView, RatedText } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface TokenVoice {
  readonly tokenizer: TextTokenizer;
  /** π_φ below which the ratio is 0. */
  readonly supportThreshold: number;
  readonly special: 'dropped' | 'kept';
}

/** `topCount` alternatives of those the engine reported. */
export function describeToken(
  voice: TokenVoice,
  position: Pick<TokenLogprobs, 'tokenId' | 'logprob' | 'details' | 'kl'> & Pick<DrawnToken, 'top'>,
  textOffset: number,
  topCount: number,
): GeneratedToken {
  const { kl, top = [] } = position;
  const alternatives = top.slice(0, topCount).map((rated) => describeRating(voice, rated));
  return { ...describeRating(voice, position), textOffset, kl, top: alternatives };
}

/** `positions[i]` belongs to prompt token i + 1: nothing predicts the first. */
export function describePrompt(
  voice: TokenVoice,
  promptIds: readonly number[],
  positions: readonly TokenLogprobs[],
  topCount: number,
): GeneratedToken[] {
  const { tokenizer, special } = voice;
  const detokenizer = new Detokenizer(tokenizer, [], special);
  const unrated = { logprob: null, top: null, models: null, kl: null };
  let textOffset = 0;
  return promptIds.map((tokenId, index) => {
    const position = positions[index - 1];
    const token =
      position === undefined
        ? { tokenId, text: tokenizer.tokenText(tokenId), textOffset, ...unrated }
        : describeToken(voice, position, textOffset, topCount);
    textOffset += [...detokenizer.push(tokenId)].length;
    return token;
  });
}

export function describeRating(
  { tokenizer, supportThreshold }: Pick<TokenVoice, 'tokenizer' | 'supportThreshold'>,
  { tokenId, logprob, details }: RatedToken,
): RatedText {
  const text = tokenizer.tokenText(tokenId);
  const models = details === undefined ? null : describeModels(details, supportThreshold);
  return { tokenId, text, logprob, models };
}

/** The ratio is the one that `q: "ratio"` acts on. */
function describeModels(
  { behaviorLogprob, value }: TokenDetails,
  supportThreshold: number,
): ModelsView {
  const probability = Math.exp(behaviorLogprob);
  const ratio = probability < supportThreshold ? 0 : Math.min(value / probability, 1);
  return { behaviorLogprob, value, ratio };
}
