// One answer: the engine's events in, pieces of text out. Pure; whoever drives it cancels the sequence after `stop`.
import type { AdmitEvent, DrawnToken, PromptEvent, TokenEvent } from '../engine/messages.ts';
import { Detokenizer } from './detokenizer.ts';
import type { ChoiceDelta, FinishReason, GeneratedToken, PromptView } from './request.ts';
import { StopScanner } from './stop-strings.ts';
import { describePrompt, describeToken, type TokenVoice } from './token-logprobs.ts';

export interface ChoiceOptions {
  readonly index: number;
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly stopStrings: readonly string[];
  /** What ends the answer is part of its text. */
  readonly includeStop: boolean;
  /** Alternatives to report with each token; null reports no tokens. */
  readonly topLogprobs: number | null;
  /** The same for the prompt's tokens, beside the answer. */
  readonly promptLogprobs: number | null;
  /** Report what each model says of every token. */
  readonly details: boolean;
  /** The prompt's text, to begin the answer with; null leaves it out. */
  readonly echoText: string | null;
}

export class ChoiceDecoder {
  readonly #voice: TokenVoice;
  readonly #options: ChoiceOptions;
  readonly #detokenizer: Detokenizer;
  readonly #stopScanner: StopScanner;
  #tokenCount = 0;
  /** Tokens and the one that ended the answer, and the sum of their log-probabilities. */
  #drawnCount = 0;
  #logprobSum = 0;
  #cachedTokens = 0;
  /** Characters decoded so far, held back ones included: where the next token begins. */
  #decodedLength = 0;
  /** Characters given out so far. */
  #sentLength = 0;
  /** Text of the last token allowed, which waits for the finish event to go out with. */
  #lastText = '';
  /** Tokens not yet given out, in order. */
  #tokens: GeneratedToken[] = [];
  #tokenIds: number[] = [];
  /** Goes out with the first piece. */
  #prompt: PromptView | null;

  constructor(voice: TokenVoice, options: ChoiceOptions) {
    this.#voice = voice;
    this.#options = options;
    this.#prompt = { tokenIds: options.promptIds, tokens: null };
    this.#detokenizer = new Detokenizer(voice.tokenizer, options.promptIds, voice.special);
    this.#stopScanner = new StopScanner(options.stopStrings);
  }

  get tokenCount(): number {
    return this.#tokenCount;
  }

  /** Tokens of the prompt that the engine found in its cache. */
  get cachedTokens(): number {
    return this.#cachedTokens;
  }

  /** Of its tokens and the one that ended it; −Infinity without any. */
  get meanLogprob(): number {
    return this.#drawnCount === 0 ? Number.NEGATIVE_INFINITY : this.#logprobSum / this.#drawnCount;
  }

  /** The echo, where it need not wait for the prompt's scores; to be called before anything else. */
  open(): ChoiceDelta | null {
    const { topLogprobs, promptLogprobs } = this.#options;
    return topLogprobs === null && promptLogprobs === null ? this.#echo() : null;
  }

  acceptAdmission({ cachedTokens }: AdmitEvent): null {
    this.#cachedTokens = cachedTokens;
    return null;
  }

  /** The prompt has been scored: the echo can go out with its log-probabilities. */
  acceptPrompt({ positions }: PromptEvent): ChoiceDelta | null {
    const { promptIds, topLogprobs, promptLogprobs, echoText } = this.#options;
    const describe = (count: number) => describePrompt(this.#voice, promptIds, positions, count);
    if (promptLogprobs !== null) {
      this.#prompt = { tokenIds: promptIds, tokens: describe(promptLogprobs) };
    }
    if (topLogprobs !== null && echoText !== null) this.#tokens = describe(topLogprobs);
    return this.#echo();
  }

  /** What the token adds to the answer; null while nothing can be given out yet. */
  acceptToken(event: TokenEvent): ChoiceDelta | null {
    this.#tokenCount += 1;
    this.#report(event);
    const decoded = this.#detokenizer.push(event.tokenId);
    this.#decodedLength += characterCount(decoded);
    const { text, stop } = this.#stopScanner.push(decoded);
    if (stop !== null) return this.#stopped(text, stop);
    if (this.#tokenCount >= this.#options.maxTokens) {
      this.#lastText = text;
      return null;
    }
    return this.#delta(text, null);
  }

  /**
   * The model has ended the answer (`stop`) with the token `ending`, one of the request's where `stopTokenId` is given, or
   * was not allowed more (`length`).
   */
  finish(
    reason: FinishReason,
    ending?: DrawnToken,
    stopTokenId: number | null = null,
  ): ChoiceDelta {
    if (ending !== undefined) this.#report(ending);
    const isIncluded = this.#options.includeStop && stopTokenId !== null;
    const decoded = isIncluded ? this.#detokenizer.push(stopTokenId) : '';
    const rest = decoded + this.#detokenizer.flush();
    const { text: scannedText, stop } = this.#stopScanner.push(rest);
    if (stop !== null) return this.#stopped(this.#lastText + scannedText, stop);
    // Tokens without text of their own (half a character, a special token) have waited for this.
    this.#sentLength = Number.POSITIVE_INFINITY;
    const text = this.#lastText + scannedText + this.#stopScanner.flush();
    return this.#delta(text, reason, stopTokenId);
  }

  /** Of the token that ended the answer too: it says how sure the policy was to end here. */
  #report(drawn: DrawnToken): void {
    const { tokenId, logprob, behaviorLogprob, value } = drawn;
    const { topLogprobs, details } = this.#options;
    this.#drawnCount += 1;
    this.#logprobSum += logprob;
    this.#tokenIds.push(tokenId);
    if (topLogprobs === null) return;
    // Asking for details is asking for the value model, so there is a value.
    const rated =
      details && value !== null ? { ...drawn, details: { behaviorLogprob, value } } : drawn;
    this.#tokens.push(describeToken(this.#voice, rated, this.#decodedLength, topLogprobs));
  }

  #stopped(text: string, stop: string): ChoiceDelta {
    return this.#delta(this.#options.includeStop ? text + stop : text, 'stop', stop);
  }

  /** Waits for the finish event where the prompt is all there will be. */
  #echo(): ChoiceDelta | null {
    const text = this.#options.echoText ?? '';
    this.#decodedLength += characterCount(text);
    if (this.#options.maxTokens === 0) {
      this.#lastText = text;
      return null;
    }
    return this.#delta(text, null);
  }

  #delta(
    text: string,
    finishReason: FinishReason,
    stopReason?: string | number | null,
  ): ChoiceDelta;
  #delta(text: string, finishReason: null): ChoiceDelta | null;
  #delta(
    text: string,
    finishReason: FinishReason | null,
    stopReason: string | number | null = null,
  ): ChoiceDelta | null {
    this.#sentLength += characterCount(text);
    let ready = this.#tokens.findIndex((token) => token.textOffset >= this.#sentLength);
    if (ready === -1) ready = this.#tokens.length;
    const tokens = this.#tokens.splice(0, ready);
    if (text === '' && tokens.length === 0 && finishReason === null) return null;
    const tokenIds = this.#tokenIds;
    const prompt = this.#prompt;
    this.#tokenIds = [];
    this.#prompt = null;
    return { index: this.#options.index, text, tokens, tokenIds, prompt, finishReason, stopReason };
  }
}

/** Code points, which is what clients in every language can count. */
function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
