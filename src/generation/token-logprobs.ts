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
  const offsets = textOffsets(new Detokenizer(tokenizer, [], special), promptIds);
  const unrated = { logprob: null, top: null, models: null, kl: null };
  return promptIds.map((tokenId, index) => {
    const position = positions[index - 1];
    const textOffset = offsets[index] ?? 0;
    return position === undefined
      ? { tokenId, text: tokenizer.tokenText(tokenId), textOffset, ...unrated }
      : describeToken(voice, position, textOffset, topCount);
  });
}

/** Where each token's text begins, in code points: a character of several tokens begins with the first of them. */
export function textOffsets(detokenizer: Detokenizer, ids: readonly number[]): number[] {
  let offset = 0;
  return ids.map((id) => {
    const start = offset;
    offset += [...detokenizer.push(id)].length;
    return start;
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
