// One answer: the engine's events in, pieces of text out. Pure; whoever drives it cancels the sequence after `stop`.
import type { PromptEvent, ReuseEvent, TokenEvent } from '../engine/messages.ts';
import { Detokenizer } from './detokenizer.ts';
import type { ChoiceDelta, FinishReason, GeneratedToken } from './request.ts';
import { StopScanner } from './stop-strings.ts';
import { describePrompt, describeToken } from './token-logprobs.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface ChoiceOptions {
  readonly index: number;
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly stopStrings: readonly string[];
  readonly reportsTokens: boolean;
  /** The prompt's text, to begin the answer with; null leaves it out. */
  readonly echoText: string | null;
}

export class ChoiceDecoder {
  readonly #tokenizer: TextTokenizer;
  readonly #options: ChoiceOptions;
  readonly #detokenizer: Detokenizer;
  readonly #stopScanner: StopScanner;
  #tokenCount = 0;
  #cachedTokens = 0;
  /** Characters decoded so far, held back ones included: where the next token begins. */
  #decodedLength = 0;
  /** Characters given out so far. */
  #sentLength = 0;
  /** Text of the last token allowed, which waits for the finish event to go out with. */
  #lastText = '';
  /** Tokens not yet given out, in order. */
  #tokens: GeneratedToken[] = [];

  constructor(tokenizer: TextTokenizer, options: ChoiceOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#detokenizer = new Detokenizer(tokenizer, options.promptIds);
    this.#stopScanner = new StopScanner(options.stopStrings);
  }

  get tokenCount(): number {
    return this.#tokenCount;
  }

  /** Tokens of the prompt that the engine found in its cache. */
  get cachedTokens(): number {
    return this.#cachedTokens;
  }

  /** The echo, where it need not wait for the prompt's scores; to be called before anything else. */
  open(): ChoiceDelta | null {
    return this.#options.reportsTokens ? null : this.#echo();
  }

  acceptReuse({ cachedTokens }: ReuseEvent): null {
    this.#cachedTokens = cachedTokens;
    return null;
  }

  /** The prompt has been scored: the echo can go out with its log-probabilities. */
  acceptPrompt(event: PromptEvent): ChoiceDelta | null {
    this.#tokens = describePrompt(this.#tokenizer, this.#options.promptIds, event.positions);
    return this.#echo();
  }

  /** What the token adds to the answer; null while nothing can be given out yet. */
  acceptToken(event: TokenEvent): ChoiceDelta | null {
    this.#tokenCount += 1;
    if (this.#options.reportsTokens) {
      this.#tokens.push(describeToken(this.#tokenizer, event, this.#decodedLength));
    }
    const decoded = this.#detokenizer.push(event.tokenId);
    this.#decodedLength += characterCount(decoded);
    const { text, stop } = this.#stopScanner.push(decoded);
    if (stop !== null) return this.#delta(text, 'stop', stop);
    if (this.#tokenCount >= this.#options.maxTokens) {
      this.#lastText = text;
      return null;
    }
    return this.#delta(text, null);
  }

  /** The model has ended the answer (`stop`), with that token of the request's where given, or was not allowed more (`length`). */
  finish(reason: FinishReason, stopTokenId: number | null = null): ChoiceDelta {
    const { text: scannedText, stop } = this.#stopScanner.push(this.#detokenizer.flush());
    if (stop !== null) return this.#delta(this.#lastText + scannedText, 'stop', stop);
    // Tokens without text of their own (half a character, a special token) have waited for this.
    this.#sentLength = Number.POSITIVE_INFINITY;
    const text = this.#lastText + scannedText + this.#stopScanner.flush();
    return this.#delta(text, reason, stopTokenId);
  }

  #echo(): ChoiceDelta | null {
    const text = this.#options.echoText ?? '';
    this.#decodedLength += characterCount(text);
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
    return { index: this.#options.index, text, tokens, finishReason, stopReason };
  }
}

/** Code points, which is what clients in every language can count. */
function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
