// The text around calls that stand between tags. White space beside a call is the format's own and no text.
import type { AnswerPart } from './scanner.ts';

export class TextBetweenCalls {
  /** White space that is text only if text follows it. */
  #space = '';
  #hasCalls = false;
  /** Nothing but white space has come since the last call. */
  #isAfterCall = false;

  push(text: string): AnswerPart[] {
    const content = text.trimEnd();
    if (content === '') {
      this.#space += text;
      return [];
    }
    // After a call, the format's line break ends where the text begins.
    const before = this.#isAfterCall ? '' : this.#space;
    const kept = this.#isAfterCall ? content.trimStart() : content;
    this.#space = text.slice(content.length);
    this.#isAfterCall = false;
    return [{ kind: 'text', text: before + kept }];
  }

  /** A call came here. */
  call(): void {
    this.#hasCalls = true;
    this.#isAfterCall = true;
    this.#space = '';
  }

  finish(): AnswerPart[] {
    const text = this.#space;
    this.#space = '';
    return this.#hasCalls || text === '' ? [] : [{ kind: 'text', text }];
  }
}

/** How much of the text's end is a beginning of the tag. */
export function partialLength(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length -= 1) {
    if (text.endsWith(tag.slice(0, length))) return length;
  }
  return 0;
}
