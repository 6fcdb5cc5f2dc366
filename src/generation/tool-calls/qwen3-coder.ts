// Qwen3-Coder's format: <tool_call><function=NAME><parameter=KEY>value</parameter>…</function></tool_call>, any number of them,
// before or after text. The outer tags may be missing. Values are plain text: the tool's schema tells what they mean.
import { ParameterReader } from './parameter-reader.ts';
import { kindOfParameter, quoted } from './parameter-value.ts';
import type { AnswerPart, OfferedTools, ToolCallScanner } from './scanner.ts';
import { partialLength, TextBetweenCalls } from './text-between-calls.ts';

/** What ends a value: its own tag, or what comes where that is missing. */
export const VALUE_ENDS = ['</parameter>', '<parameter=', '</function>'] as const;

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';
const FUNCTION = '<function=';
const FUNCTION_END = '</function>';
const PARAMETER = '<parameter=';
/** A name that does not end before is none. */
const LONGEST_NAME = 256;
/** Between the tags around a call. */
const MOST_SPACE = 64;

/** Where in the format the text is; `name` and `key` are behind the tags that they complete. */
type Place = 'outside' | 'opened' | 'name' | 'body' | 'key' | 'value' | 'behind';

export class Qwen3CoderScanner implements ToolCallScanner {
  readonly #tools: OfferedTools;
  readonly #text = new TextBetweenCalls();
  #place: Place = 'outside';
  /** Not looked at yet. */
  #rest = '';
  /** What has been read of a call that has not named its tool. */
  #opening = '';
  #parameters: object | undefined;
  #hasParameters = false;
  #value: ParameterReader | null = null;

  constructor(tools: OfferedTools) {
    this.#tools = tools;
  }

  push(piece: string): AnswerPart[] {
    this.#rest += piece;
    const parts: AnswerPart[] = [];
    while (this.#step(parts));
    return parts;
  }

  /** A call that is cut has what there is of its arguments. */
  finish(): AnswerPart[] {
    const parts: AnswerPart[] = [];
    if (this.#place === 'outside' || this.#place === 'opened' || this.#place === 'name') {
      parts.push(...this.#text.push(this.#opening + this.#rest));
    }
    return [...parts, ...this.#text.finish()];
  }

  /** Reads what can be read; false where more text is needed. */
  #step(parts: AnswerPart[]): boolean {
    switch (this.#place) {
      case 'outside':
        return this.#readText(parts);
      case 'opened':
        return this.#readOpening(parts);
      case 'name':
        return this.#readName(parts);
      case 'body':
        return this.#readBody(parts);
      case 'key':
        return this.#readKey(parts);
      case 'value':
        return this.#readValue(parts);
      case 'behind':
        return this.#readClose();
      default:
        return this.#place satisfies never;
    }
  }

  #readText(parts: AnswerPart[]): boolean {
    const [before, tag] = this.#until([OPEN, FUNCTION]);
    parts.push(...this.#text.push(before));
    if (tag === null) return false;
    this.#opening = tag;
    this.#place = tag === OPEN ? 'opened' : 'name';
    return true;
  }

  #readOpening(parts: AnswerPart[]): boolean {
    const found = this.#behindSpace(FUNCTION);
    if (found === null) return false;
    if (!found) return this.#isNoCall(parts);
    this.#take(this.#rest.indexOf(FUNCTION) + FUNCTION.length);
    this.#place = 'name';
    return true;
  }

  #readName(parts: AnswerPart[]): boolean {
    const name = this.#nameAhead();
    if (name === null) return false;
    if (!this.#tools.has(name)) return this.#isNoCall(parts);
    this.#rest = this.#rest.slice(this.#nameEnd() + 1);
    this.#opening = '';
    this.#parameters = this.#tools.get(name);
    this.#hasParameters = false;
    this.#place = 'body';
    this.#text.call();
    parts.push({ kind: 'call', name }, { kind: 'arguments', text: '{' });
    return true;
  }

  /** Whatever else stands there is no part of the call. */
  #readBody(parts: AnswerPart[]): boolean {
    const [, tag] = this.#until([PARAMETER, FUNCTION_END, CLOSE]);
    if (tag === null) return false;
    if (tag === PARAMETER) {
      this.#place = 'key';
      return true;
    }
    parts.push({ kind: 'arguments', text: '}' });
    this.#place = tag === CLOSE ? 'outside' : 'behind';
    return true;
  }

  #readKey(parts: AnswerPart[]): boolean {
    const key = this.#nameAhead();
    if (key === null) return false;
    this.#rest = this.#rest.slice(this.#nameEnd() + 1);
    const separator = this.#hasParameters ? ', ' : '';
    parts.push({ kind: 'arguments', text: `${separator}${quoted(key)}: ` });
    this.#hasParameters = true;
    this.#value = new ParameterReader(kindOfParameter(this.#parameters, key));
    this.#place = 'value';
    return true;
  }

  #readValue(parts: AnswerPart[]): boolean {
    const [text, tag] = this.#until(VALUE_ENDS);
    const reader = this.#value;
    if (reader === null) return false;
    const value = reader.push(text) + (tag === null ? '' : reader.finish());
    if (value !== '') parts.push({ kind: 'arguments', text: value });
    if (tag === null) return false;
    if (tag !== '</parameter>') this.#rest = tag + this.#rest;
    this.#value = null;
    this.#place = 'body';
    return true;
  }

  #readClose(): boolean {
    const found = this.#behindSpace(CLOSE);
    if (found === null) return false;
    if (found) this.#rest = this.#rest.trimStart().slice(CLOSE.length);
    this.#place = 'outside';
    return true;
  }

  /** What is named up to the end of a tag, and not read by this; null while it may go on, empty where it is too long. */
  #nameAhead(): string | null {
    const end = this.#nameEnd();
    if (end === -1 && this.#rest.length < LONGEST_NAME) return null;
    return this.#rest.slice(0, Math.max(0, end)).trim();
  }

  #nameEnd(): number {
    return this.#rest.slice(0, LONGEST_NAME).indexOf('>');
  }

  /** Whether the tag comes next, behind a little white space; null while that is open. */
  #behindSpace(tag: string): boolean | null {
    const near = this.#rest.slice(0, MOST_SPACE + tag.length);
    const content = near.trimStart();
    if (near.length - content.length > MOST_SPACE) return false;
    if (content.length < tag.length && tag.startsWith(content)) return null;
    return content.startsWith(tag);
  }

  #take(length: number): void {
    this.#opening += this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
  }

  #isNoCall(parts: AnswerPart[]): boolean {
    parts.push(...this.#text.push(this.#opening));
    this.#opening = '';
    this.#place = 'outside';
    return true;
  }

  /** The text before the first of the tags, and which; both are read. Without one, what cannot be the beginning of one. */
  #until<Tag extends string>(tags: readonly Tag[]): [before: string, tag: Tag | null] {
    const text = this.#rest;
    let at = text.length;
    let first: Tag | null = null;
    for (const tag of tags) {
      const found = text.indexOf(tag);
      if (found === -1 || found >= at) continue;
      at = found;
      first = tag;
    }
    const held = first === null ? Math.max(...tags.map((tag) => partialLength(text, tag))) : 0;
    const end = at - held;
    this.#rest = text.slice(end + (first?.length ?? 0));
    return [text.slice(0, end), first];
  }
}
