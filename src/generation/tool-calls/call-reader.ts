// One call, from text that comes in pieces. As soon as it has named an offered tool and begins its arguments it is a call, and
// these are given out as they come, whatever becomes of them. What says its name later, or writes its arguments in another
// way, is read when it is whole.
import { ObjectEnd } from './object-end.ts';
import { readCall } from './read-call.ts';
import type { AnswerPart, OfferedTools } from './scanner.ts';

/** {"name": "…", "arguments": { up to its brace. */
const BEGINNING =
  /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/;
/** A call that begins with more than that is read when it is whole: to look again at each piece has its cost. */
const LONGEST_BEGINNING = 512;

export class CallReader {
  readonly #tools: OfferedTools;
  /** All of it, until it is a call. */
  #text = '';
  /** Null until it is a call. */
  #arguments: ObjectEnd | null = null;

  constructor(tools: OfferedTools) {
    this.#tools = tools;
  }

  /** Nothing once the arguments have come to their end. */
  push(piece: string): AnswerPart[] {
    if (this.#arguments !== null) return this.#goOn(this.#arguments, piece);
    const looked = this.#text.length;
    this.#text += piece;
    if (looked >= LONGEST_BEGINNING) return [];
    const [beginning, quoted = ''] = BEGINNING.exec(this.#text.slice(0, LONGEST_BEGINNING)) ?? [];
    if (beginning === undefined) return [];
    const name = nameOf(quoted);
    if (name === null || !this.#tools.has(name)) return [];
    this.#arguments = new ObjectEnd();
    return [
      { kind: 'call', name },
      ...this.#goOn(this.#arguments, this.#text.slice(beginning.length)),
    ];
  }

  /** The text is over: the call, where it was none yet; null for what is none, and stays text. */
  finish(): AnswerPart[] | null {
    if (this.#arguments !== null) return [];
    const call = readCall(this.#text, this.#tools);
    if (call === null) return null;
    return [
      { kind: 'call', name: call.name },
      { kind: 'arguments', text: call.arguments },
    ];
  }

  /** What has not been given out. */
  get text(): string {
    return this.#text;
  }

  #goOn(end: ObjectEnd, piece: string): AnswerPart[] {
    const text = piece.slice(0, end.push(piece));
    return text === '' ? [] : [{ kind: 'arguments', text }];
  }
}

function nameOf(quoted: string): string | null {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return null;
  }
}
