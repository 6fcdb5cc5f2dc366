// Pieces of XGrammar's EBNF.
import { allBut, type CharacterSet, characters, has } from './character-set.ts';

const LAST_CODE_POINT = 0x10ffff;

/** A text, character for character. */
export function literal(text: string): string {
  return `"${[...text].map((character) => escaped(character.codePointAt(0) ?? 0)).join('')}"`;
}

/** One character of a set; what goes on to the end of Unicode is written as what it leaves out. */
export function oneOf(set: CharacterSet): string {
  if (!has(set, LAST_CODE_POINT)) return `[${set.map(range).join('')}]`;
  const rest = allBut(set);
  return rest.length === 0 ? `[${range([0, LAST_CODE_POINT])}]` : `[^${rest.map(range).join('')}]`;
}

export function anyOf(options: readonly string[]): string {
  return options.length === 1 ? (options[0] ?? '') : `(${options.join(' | ')})`;
}

/** `most` undefined is as often as wanted. */
export function repeated(part: string, least: number, most?: number): string {
  if (most === 0) return '""';
  return `(${part}){${least},${most ?? ''}}`;
}

const PLAIN = characters([0x20, 0x20], [0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a]);

export function escaped(codePoint: number): string {
  if (has(PLAIN, codePoint)) return String.fromCodePoint(codePoint);
  const digits = codePoint.toString(16);
  return codePoint > 0xffff ? `\\U${digits.padStart(8, '0')}` : `\\u${digits.padStart(4, '0')}`;
}

function range([first, last]: readonly [number, number]): string {
  return first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`;
}
