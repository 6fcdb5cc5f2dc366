// XGrammar (0.1.27) reads a class of characters as one of bytes: above ASCII, what a class names never comes, and what a
// negated one names does, beside bytes that are no character. So a class that goes beyond ASCII becomes a rule that spells its
// characters byte by byte.
import {
  allBut,
  type CharacterSet,
  characters,
  type Range,
  union,
  without,
} from './character-set.ts';
import { type Count, counted } from './counted-characters.ts';
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

/** The same grammar, in classes that XGrammar reads right and counts fast. What is no class stays, for XGrammar to complain of. */
export function spellClasses(grammar: string): string {
  const rules = new Map<string, string>();
  const names = new Map<string, string>();
  const prefix = unusedName(grammar);

  function nameOf(text: string, rule: string): string {
    const name = names.get(text) ?? `${prefix}${names.size}`;
    names.set(text, name);
    rules.set(name, rule);
    return name;
  }

  function replaced({ text, set, count }: CharacterClass): string | null {
    const isPlain = without(set, ASCII).length === 0;
    if (isPlain && count === null) return null;
    const rule = isPlain ? text : spell(set);
    const name = nameOf(text, rule);
    if (count === null) return `(${name})`;
    const { expression, rules: others } = counted(name, isPlain ? text : name, count);
    for (const [other, body] of others) rules.set(other, body);
    return expression;
  }

  const spelled = grammar.replace(CLASS, (whole, ...found: unknown[]) => {
    const read = readClass(found);
    return (read === null ? null : replaced(read)) ?? whole;
  });
  return [spelled, ...[...rules].map(([name, rule]) => `${name} ::= ${rule}`)].join('\n');
}

interface CharacterClass {
  readonly text: string;
  readonly set: CharacterSet;
  /** How often it comes; null where it is not counted. */
  readonly count: Count | null;
}

/** From what CLASS found. Null for a text, a comment, or what XGrammar does not take. */
function readClass(found: readonly unknown[]): CharacterClass | null {
  const [text, sign, members, least, comma, most] = found;
  const named = typeof members === 'string' ? readMembers(members) : null;
  if (typeof text !== 'string' || named === null) return null;
  const last = comma === '' ? least : most;
  const count =
    least === undefined ? null : { least: Number(least), most: last === '' ? null : Number(last) };
  if (count?.most != null && count.most < count.least) return null;
  return { text, set: sign === '^' ? allBut(named) : named, count };
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
