// XGrammar (0.1.27) reads a class of characters as one of bytes: above ASCII, what a class names never comes, and what a
// negated one names does. So a class that goes beyond ASCII becomes a rule that spells its characters byte by byte.
import {
  allBut,
  type CharacterSet,
  characters,
  type Range,
  union,
  without,
} from './character-set.ts';
import { escaped } from './ebnf.ts';
import { utf8Ranges } from './utf8-ranges.ts';

const ASCII = characters([0, 0x7f]);
/** And what may have brackets without being one: texts and comments. How often a class is counted to come is part of it. */
const CLASS = /"(?:[^"\\]|\\.)*"|#[^\n]*|(\[(\^?)((?:[^\]\\\n]|\\.)*)\])(?:\{(\d+)(,?)(\d*)\})?/gsu;
const CHARACTER = String.raw`\\(?:x[\da-fA-F]+|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[^xuU])|[^\\]`;
const MEMBER = new RegExp(`(${CHARACTER})(?:-(${CHARACTER}))?`, 'gsu');
const LETTERS: Readonly<Record<string, number>> = {
  ...{ 0: 0x00, a: 0x07, b: 0x08, t: 0x09, n: 0x0a },
  ...{ v: 0x0b, f: 0x0c, r: 0x0d, e: 0x1b },
};

/** The same grammar, in classes that XGrammar reads right. What is no class stays, for XGrammar to complain of. */
export function spellClasses(grammar: string): string {
  const rules = new Map<string, { readonly name: string; readonly rule: string }>();
  const prefix = unusedName(grammar);

  function nameOf(text: string, isNegated: boolean, named: CharacterSet): string {
    const known = rules.get(text);
    if (known !== undefined) return known.name;
    const name = `${prefix}${rules.size}`;
    rules.set(text, { name, rule: `${name} ::= ${spell(isNegated ? allBut(named) : named)}` });
    return name;
  }

  const spelled = grammar.replace(CLASS, (whole, ...groups: (string | undefined)[]) => {
    const [text, sign, members, least, comma, most] = groups;
    const named = members === undefined ? null : readMembers(members);
    if (text === undefined || named === null || without(named, ASCII).length === 0) return whole;
    const name = nameOf(text, sign === '^', named);
    return least === undefined ? `(${name})` : counted(name, least, comma === '' ? least : most);
  });
  return [spelled, ...[...rules.values()].map(({ rule }) => rule)].join('\n');
}

/** XGrammar's masks become slow where a rule may come more often than that: then several times, one after the other. */
const MOST_IN_A_ROW = 100;

/** `most` empty is as often as wanted. */
function counted(name: string, least: string, most: string | undefined): string {
  const parts: string[] = [];
  for (let left = Number(least); left > 0; left -= MOST_IN_A_ROW) {
    parts.push(`${name}{${Math.min(left, MOST_IN_A_ROW)}}`);
  }
  if (!most) parts.push(`${name}*`);
  for (let left = Number(most) - Number(least); left > 0; left -= MOST_IN_A_ROW) {
    parts.push(`${name}{0,${Math.min(left, MOST_IN_A_ROW)}}`);
  }
  return parts.length === 0 ? '""' : `(${parts.join(' ')})`;
}

/** The beginning of names that the grammar does not have. */
function unusedName(grammar: string): string {
  let name = 'characters_';
  while (grammar.includes(name)) name += '_';
  return name;
}

/** Null for what XGrammar does not take. */
function readMembers(text: string): CharacterSet | null {
  const ranges: Range[] = [];
  let read = 0;
  for (const [member, first = '', last = first] of text.matchAll(MEMBER)) {
    const range = [readCharacter(first), readCharacter(last)] as const;
    if (Number.isNaN(range[0]) || !(range[0] <= range[1])) return null;
    ranges.push(range);
    read += member.length;
  }
  return read === text.length ? union(ranges) : null;
}

/** NaN for an escape that there is not. */
function readCharacter(text: string): number {
  const [first = '', letter = ''] = text;
  if (first !== '\\') return first.codePointAt(0) ?? Number.NaN;
  if (/[xuU]/.test(letter)) return Number.parseInt(text.slice(2), 16);
  if (/[A-Za-z0-9]/.test(letter)) return LETTERS[letter] ?? Number.NaN;
  return letter.codePointAt(0) ?? Number.NaN;
}

function spell(set: CharacterSet): string {
  /** The ranges of the last byte, behind each beginning. */
  const tails = new Map<string, Range[]>();
  for (const bytes of utf8Ranges(set)) {
    const last = bytes.pop() ?? [0, 0];
    const head = bytes.map((range) => byteClass([range])).join(' ');
    const known = tails.get(head);
    if (known === undefined) tails.set(head, [last]);
    else known.push(last);
  }
  const options = [...tails].map(([head, ranges]) => `${head} ${byteClass(ranges)}`.trim());
  return options.join(' | ') || '[]';
}

/** A single one twice: alone, XGrammar takes it for a character and writes that in UTF-8. */
function byteClass(ranges: readonly Range[]): string {
  const [[first, last] = [0, 0], ...others] = ranges;
  const isSingle = first === last && others.length === 0;
  const written = (isSingle ? [...ranges, ...ranges] : ranges).map(
    ([from, to]) => `${escaped(from)}-${escaped(to)}`,
  );
  return `[${written.join('')}]`;
}
