// Llama 3's format: an answer that is nothing but {"name": …, "parameters": {…}}, or several with `;` between them,
// with or without <|python_tag|> before. An answer that begins with anything else is text from its beginning to its end.
import { readCall } from './read-call.ts';
import type { AnswerPart, ToolCallScanner } from './scanner.ts';

const TAG = '<|python_tag|>';

export class Llama3JsonScanner implements ToolCallScanner {
  readonly #toolNames: ReadonlySet<string>;
  #isText = false;
  /** White space, separators and a tag since the last call: not given out, for all may turn out to be text. */
  #before = '';
  /** How much of the tag has been read, at the end of `#before`. */
  #tagLength = 0;
  /** The object so far; empty outside of one. Only ever appended to: to look into it would cost its length each time. */
  #object = '';
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #hasCalls = false;

  constructor(toolNames: ReadonlySet<string>) {
    this.#toolNames = toolNames;
  }

  push(piece: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    for (let index = 0; index < piece.length; index += 1) {
      if (this.#isText) {
        parts.push({ kind: 'text', text: piece.slice(index) });
        return parts;
      }
      const character = piece.charAt(index);
      if (this.#object !== '' || (character === '{' && !this.#isInTag())) {
        this.#object += character;
        if (this.#closesObject(character)) this.#endObject(parts);
      } else {
        this.#before += character;
        if (!this.#separates(character)) this.#becomeText(parts);
      }
    }
    return parts;
  }

  finish(): AnswerPart[] {
    const parts: AnswerPart[] = [];
    // White space behind the last call is nothing; all else that is left did not become a call.
    const isSpace = this.#object === '' && this.#before.trim() === '';
    if (!this.#isText && !(this.#hasCalls && isSpace)) this.#becomeText(parts);
    return parts;
  }

  #isInTag(): boolean {
    return this.#tagLength > 0 && this.#tagLength < TAG.length;
  }

  /** Whether a call may still follow. */
  #separates(character: string): boolean {
    if (this.#isInTag() || (character === '<' && this.#tagLength === 0 && !this.#hasCalls)) {
      this.#tagLength += 1;
      return TAG[this.#tagLength - 1] === character;
    }
    return /\s/.test(character) || (character === ';' && this.#hasCalls);
  }

  #closesObject(character: string): boolean {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#inString && character === '\\') this.#isEscaped = true;
    else if (character === '"') this.#inString = !this.#inString;
    else if (!this.#inString && character === '{') this.#depth += 1;
    else if (!this.#inString && character === '}') this.#depth -= 1;
    return this.#depth === 0;
  }

  #endObject(parts: AnswerPart[]): void {
    const call = readCall(this.#object, this.#toolNames);
    if (call === null) {
      this.#becomeText(parts);
      return;
    }
    parts.push({ kind: 'call', call });
    this.#hasCalls = true;
    this.#before = '';
    this.#object = '';
  }

  #becomeText(parts: AnswerPart[]): void {
    this.#isText = true;
    const text = this.#before + this.#object;
    if (text !== '') parts.push({ kind: 'text', text });
  }
}
