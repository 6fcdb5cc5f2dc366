// One parameter's value in XML, from text that comes in pieces: strings are given out as they come, everything else when it is
// whole. The line breaks behind the opening tag and before the closing one are the format's own.
import { escaped, toJson, type ValueKind } from './parameter-value.ts';

const NULL = 'null';

export class ParameterReader {
  readonly #kind: ValueKind;
  /** What has come and is not given out; all of it for what is no text. */
  #held = '';
  #hasBegun = false;
  /** The opening quote is out. */
  #isText = false;

  constructor(kind: ValueKind) {
    this.#kind = kind;
  }

  push(piece: string): string {
    this.#held += piece;
    if (!this.#hasBegun && this.#held !== '') {
      this.#hasBegun = true;
      if (this.#held.startsWith('\n')) this.#held = this.#held.slice(1);
    }
    if (this.#kind !== 'text' || (!this.#isText && this.#mayBeNull())) return '';
    const end = this.#held.length - (this.#held.endsWith('\n') ? 1 : 0);
    const text = this.#held.slice(0, end);
    this.#held = this.#held.slice(end);
    const quote = this.#isText ? '' : '"';
    this.#isText = true;
    return quote + escaped(text);
  }

  /** The closing tag came. */
  finish(): string {
    const rest = this.#held.replace(/\n$/, '');
    return this.#isText ? `${escaped(rest)}"` : toJson(rest, this.#kind);
  }

  #mayBeNull(): boolean {
    const word = this.#held.toLowerCase();
    return NULL.startsWith(word) || word === `${NULL}\n`;
  }
}
