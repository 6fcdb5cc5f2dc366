// Regular expressions of ECMA-262, the part that describes whole texts, as EBNF. What has no place there (looking around,
// references, boundaries) is refused; anchors at the ends and laziness say nothing of a whole text.
import {
  allBut,
  type CharacterSet,
  characters,
  has,
  type Range,
  union,
  without,
} from './character-set.ts';
import { literal, oneOf } from './ebnf.ts';
import type { FormatLimits } from './format-limits.ts';
import { FormatProblem } from './format-problem.ts';

const DIGITS = characters([0x30, 0x39]);
const WORD = characters([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]);
const SPACE = characters(
  ...([
    [0x09, 0x0d],
    [0x20, 0x20],
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
  ] as const),
  ...([
    [0x2028, 0x2029],
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ] as const),
);
const LINE_ENDS = characters([0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]);
const SETS: Readonly<Record<string, CharacterSet>> = {
  ...{ d: DIGITS, w: WORD, s: SPACE },
  ...{ D: allBut(DIGITS), W: allBut(WORD), S: allBut(SPACE) },
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, '0': 0 };

/** What JSON writes in another way than as itself. */
export const ESCAPED_IN_JSON = characters([0x00, 0x1f], [0x22, 0x22], [0x5c, 0x5c]);

/** Throws a FormatProblem. With `inJson` the text is what a JSON string has between its quotes. */
export function readRegex(pattern: string, limits: FormatLimits, { inJson = false } = {}): string {
  const reader = new RegexReader(pattern, limits, inJson);
  return reader.read();
}

class RegexReader {
  readonly #pattern: string;
  readonly #limits: FormatLimits;
  readonly #inJson: boolean;
  #at = 0;

  constructor(pattern: string, limits: FormatLimits, inJson: boolean) {
    this.#pattern = pattern;
    this.#limits = limits;
    this.#inJson = inJson;
  }

  read(): string {
    const text = this.#alternatives(0, 1);
    if (this.#at < this.#pattern.length) throw this.#problem('has a ) without its (');
    return text;
  }

  #alternatives(depth: number, copies: number): string {
    const { maxNesting } = this.#limits;
    if (depth > maxNesting) throw this.#problem(`is nested deeper than ${maxNesting}`);
    let text = this.#sequence(depth, copies);
    while (this.#take('|')) text += ` | ${this.#sequence(depth, copies)}`;
    return text;
  }

  #sequence(depth: number, copies: number): string {
    const parts: string[] = [];
    if (depth === 0) this.#take('^');
    for (;;) {
      const next = this.#pattern[this.#at];
      if (next === undefined || next === '|' || next === ')') return parts.join(' ') || '""';
      if (next === '$' && depth === 0) {
        this.#at += 1;
        const end = this.#pattern[this.#at];
        if (end !== undefined && end !== '|') throw this.#problem('has text behind $');
        return parts.join(' ') || '""';
      }
      parts.push(this.#part(depth, copies));
    }
  }

  #part(depth: number, copies: number): string {
    const start = this.#at;
    const most = this.#repetitionBehind(start);
    const within = copies * Math.max(1, most);
    const { maxRepetitions } = this.#limits;
    if (within > maxRepetitions) {
      throw this.#problem(`repeats a part more than ${maxRepetitions} times`);
    }
    const atom = this.#atom(depth, within);
    return atom + this.#quantifier();
  }

  /** How often at most the part that begins here is counted to repeat; 1 where it is not counted. */
  #repetitionBehind(start: number): number {
    const end = endOfPart(this.#pattern, start);
    const [, least, most] = /^\{(\d+)(?:,(\d*))?\}/.exec(this.#pattern.slice(end, end + 24)) ?? [];
    return least === undefined ? 1 : Math.max(Number(least), Number(most || 0));
  }

  #atom(depth: number, copies: number): string {
    const next = this.#next();
    switch (next) {
      case '(':
        return this.#group(depth, copies);
      case '[':
        return this.#set(this.#class());
      case '.':
        return this.#set(allBut(LINE_ENDS));
      case '\\':
        return this.#escape();
      case '^':
      case '$':
        throw this.#problem(`has ${next} in the middle`);
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#problem(`has ${next} with nothing to repeat`);
      default:
        return this.#character(next.codePointAt(0) ?? 0);
    }
  }

  #group(depth: number, copies: number): string {
    if (this.#take('?')) {
      const isPlain = this.#take(':') || this.#takeName();
      if (!isPlain) throw this.#problem('looks around or sets flags, which is not supported');
    }
    const inner = this.#alternatives(depth + 1, copies);
    if (!this.#take(')')) throw this.#problem('has a ( without its )');
    return `(${inner})`;
  }

  #takeName(): boolean {
    const [name] = /^<[A-Za-z_$][\w$]*>/.exec(this.#pattern.slice(this.#at, this.#at + 80)) ?? [];
    this.#at += name?.length ?? 0;
    return name !== undefined;
  }

  #escape(): string {
    const set = SETS[this.#pattern[this.#at] ?? ''];
    if (set === undefined) return this.#character(this.#escapedCharacter());
    this.#at += 1;
    return this.#set(set);
  }

  #escapedCharacter(): number {
    const letter = this.#next();
    const control = CONTROLS[letter];
    if (control !== undefined) return control;
    const [digits, code] =
      /^(?:\{([0-9a-fA-F]{1,6})\}|[0-9a-fA-F]{2,4})/.exec(
        this.#pattern.slice(this.#at, this.#at + (letter === 'x' ? 2 : 8)),
      ) ?? [];
    if ((letter === 'x' || letter === 'u') && digits !== undefined) {
      this.#at += digits.length;
      const codePoint = Number.parseInt(code ?? digits, 16);
      if (codePoint <= 0x10ffff) return codePoint;
    }
    if (/[A-Za-z0-9]/.test(letter)) throw this.#problem(`has \\${letter}, which is not supported`);
    return letter.codePointAt(0) ?? 0;
  }

  #class(): CharacterSet {
    const isNegated = this.#take('^');
    const ranges: Range[] = [];
    while (!this.#take(']')) {
      const first = this.#classPart();
      if (typeof first !== 'number') {
        for (const range of first) ranges.push(range);
        continue;
      }
      const isRange = this.#pattern[this.#at] === '-' && this.#pattern[this.#at + 1] !== ']';
      if (isRange) this.#at += 1;
      const last = isRange ? this.#classPart() : first;
      if (typeof last !== 'number' || last < first)
        throw this.#problem('has a range without order');
      ranges.push([first, last]);
    }
    const set = union(ranges);
    return isNegated ? allBut(set) : set;
  }

  #classPart(): number | CharacterSet {
    const next = this.#next();
    if (next !== '\\') return next.codePointAt(0) ?? 0;
    const letter = this.#pattern[this.#at] ?? '';
    const set = SETS[letter];
    if (set === undefined && letter !== 'b') return this.#escapedCharacter();
    this.#at += 1;
    return set ?? 0x08;
  }

  #quantifier(): string {
    const [text] =
      /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(this.#pattern.slice(this.#at, this.#at + 24)) ?? [];
    if (text === undefined) return '';
    this.#at += text.length;
    this.#take('?');
    return text;
  }

  #set(set: CharacterSet): string {
    const allowed = this.#inJson ? without(set, ESCAPED_IN_JSON) : set;
    if (allowed.length === 0) throw this.#problem('has a set of characters that no text can have');
    return oneOf(allowed);
  }

  #character(codePoint: number): string {
    const text = String.fromCodePoint(codePoint);
    const isEscaped = this.#inJson && has(ESCAPED_IN_JSON, codePoint);
    return literal(isEscaped ? JSON.stringify(text).slice(1, -1) : text);
  }

  #next(): string {
    const codePoint = this.#pattern.codePointAt(this.#at);
    if (codePoint === undefined) throw this.#problem('ends too early');
    const text = String.fromCodePoint(codePoint);
    this.#at += text.length;
    return text;
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #problem(what: string): FormatProblem {
    return new FormatProblem(`${what} (at character ${this.#at})`);
  }
}

/** Where the group, class or character that begins at `start` ends. */
function endOfPart(pattern: string, start: number): number {
  let depth = 0;
  let inClass = false;
  for (let at = start; at < pattern.length; at += 1) {
    const character = pattern[at];
    if (character === '\\') at += 1;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    if (depth <= 0 && !inClass) return at + 1;
  }
  return pattern.length;
}
