// Strings and numbers of a JSON Schema as EBNF.
import { allBut } from './character-set.ts';
import { literal, oneOf } from './ebnf.ts';
import type { FormatLimits } from './format-limits.ts';
import { FormatProblem } from './format-problem.ts';
import { decimalsBetween, integersBetween } from './number-range.ts';
import { ESCAPED_IN_JSON, readRegex } from './regex.ts';
import { type Keywords, problem, readCounts } from './schema-parts.ts';
import { STRING_FORMATS } from './string-formats.ts';

export const QUOTE = literal('"');
/** A character that JSON writes as it is. */
export const PLAIN = oneOf(allBut(ESCAPED_IN_JSON));

export const NUMBER_BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'];
/** Bounds of numbers go so far, and numbers between bounds have so many decimals: together they are exact. */
const LARGEST_BOUND = 10 ** 11;
const DECIMALS = 4;

export function readString(schema: Keywords, path: string, limits: FormatLimits): string {
  const [least, most] = readCounts(schema, ['minLength', 'maxLength'], path);
  const hasLength = least !== undefined || most !== undefined;
  const source = readSource(schema, hasLength, path);
  if (source === null && !hasLength) return 'string';
  if (source === null) return `${QUOTE} ${PLAIN}{${least ?? 0},${most ?? ''}} ${QUOTE}`;
  try {
    return `${QUOTE} (${readRegex(source, limits, { inJson: true })}) ${QUOTE}`;
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    throw problem(path, `has a "pattern" that ${error.message}`);
  }
}

/** The regular expression of `pattern` or `format`; null without either. */
function readSource(
  { pattern, format }: Keywords,
  hasLength: boolean,
  path: string,
): string | null {
  if (pattern === undefined && format === undefined) return null;
  if (hasLength || (pattern !== undefined && format !== undefined)) {
    throw problem(path, 'has more than one of "pattern", "format" and a length');
  }
  if (pattern !== undefined) {
    if (typeof pattern === 'string') return pattern;
    throw problem(path, 'has a "pattern" that is not a string');
  }
  const source = STRING_FORMATS.get(String(format));
  if (source !== undefined) return source;
  const known = [...STRING_FORMATS.keys()].join(', ');
  throw problem(path, `has the format ${JSON.stringify(format)}; those supported are ${known}`);
}

export function readNumber(type: 'integer' | 'number', schema: Keywords, path: string): string {
  const bounds = readBounds(schema, path);
  if (bounds.length === 0) return type;
  const decimals = type === 'integer' ? 0 : DECIMALS;
  const [least, most] = inUnits(bounds, 10 ** decimals);
  const kind = type === 'integer' ? 'integer' : `number of at most ${DECIMALS} decimals`;
  if (least > most) throw problem(path, `allows no ${kind}`);
  return type === 'integer' ? integersBetween(least, most) : decimalsBetween(least, most, decimals);
}

interface Bound {
  readonly name: string;
  readonly bound: number;
}

function readBounds(schema: Keywords, path: string): Bound[] {
  return NUMBER_BOUNDS.flatMap((name) => {
    const bound = schema[name];
    if (bound === undefined) return [];
    if (typeof bound === 'number' && Math.abs(bound) <= LARGEST_BOUND) return [{ name, bound }];
    throw problem(path, `has a "${name}" that is not a number, or above ${LARGEST_BOUND}`);
  });
}

/** The least and the most that all bounds leave, in units of the last decimal. */
function inUnits(bounds: readonly Bound[], unit: number): readonly [number, number] {
  let [least, most] = [-LARGEST_BOUND * unit, LARGEST_BOUND * unit];
  for (const { name, bound } of bounds) {
    const isOpen = name.startsWith('exclusive');
    if (/min/i.test(name)) {
      const first = Math.ceil(bound * unit);
      least = Math.max(least, isOpen && first / unit <= bound ? first + 1 : first);
    } else {
      const last = Math.floor(bound * unit);
      most = Math.min(most, isOpen && last / unit >= bound ? last - 1 : last);
    }
  }
  return [least, most];
}
