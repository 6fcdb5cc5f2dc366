// Token ids to text, one at a time, never half a character.
// Each step decodes a window of the latest tokens, so the cost of a text is linear in its length.
import type { TextTokenizer } from './tokenizer.ts';

const REPLACEMENT = '\uFFFD';

/** A character has at most 4 bytes and a token at least 1, so decoding has found its step this far into a window. */
const CONTEXT_TOKENS = 8;

export class Detokenizer {
  readonly #tokenizer: TextTokenizer;
  readonly #special: 'dropped' | 'kept';
  #window: number[];
  /** How much of the window's text has been given out, in UTF-16 units. */
  #settled: number;

  /** `context` are the tokens before the text: a decoder may treat the first token of all differently. */
  constructor(
    tokenizer: TextTokenizer,
    context: readonly number[],
    special: 'dropped' | 'kept' = 'dropped',
  ) {
    this.#tokenizer = tokenizer;
    this.#special = special;
    this.#window = this.#latestOf(context);
    this.#settled = settledLength(this.#decode());
  }

  /** The text that `id` completes; empty while a character is still missing bytes. */
  push(id: number): string {
    // One without text would push the context out of the window.
    if (!this.#tokenizer.isText(id, this.#special)) return '';
    this.#window.push(id);
    const text = this.#decode();
    const settled = settledLength(text);
    const delta = text.slice(this.#settled, settled);
    this.#settled = settled;
    if (this.#window.length >= 2 * CONTEXT_TOKENS) {
      // Only the front of the shorter window's text may differ; the end, where new text appears, does not.
      this.#window = this.#window.slice(-CONTEXT_TOKENS);
      this.#settled = settledLength(this.#decode());
    }
    return delta;
  }

  /** What is left at the end: U+FFFD for bytes that never became a character. */
  flush(): string {
    const rest = this.#decode().slice(this.#settled);
    this.#settled += rest.length;
    return rest;
  }

  #latestOf(context: readonly number[]): number[] {
    const latest: number[] = [];
    for (let at = context.length - 1; at >= 0 && latest.length < CONTEXT_TOKENS; at -= 1) {
      const id = context[at];
      if (id !== undefined && this.#tokenizer.isText(id, this.#special)) latest.unshift(id);
    }
    return latest;
  }

  #decode(): string {
    return this.#tokenizer.decode(this.#window, this.#special);
  }
}

/** An unfinished character decodes to exactly one U+FFFD at the end; all before it is final. */
function settledLength(text: string): number {
  return text.endsWith(REPLACEMENT) ? text.length - 1 : text.length;
}
