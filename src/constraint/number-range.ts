// Numbers between bounds as EBNF, digit by digit.
import { anyOf, literal } from './ebnf.ts';

/** Both included. */
export function integersBetween(least: number, most: number): string {
  const options: string[] = [];
  if (least < 0) options.push(`"-" ${naturals(Math.max(1, -most), -least)}`);
  if (most >= 0) options.push(naturals(Math.max(0, least), most));
  return anyOf(options);
}

/**
 * Numbers of at most `decimals` decimals between two that are given in units of the last of these, both included.
 */
export function decimalsBetween(least: number, most: number, decimals: number): string {
  const options: string[] = [];
  if (least < 0) {
    options.push(`"-" ${positiveDecimals(Math.max(1, -most), -least, decimals)}`);
  }
  if (most >= 0) options.push(positiveDecimals(Math.max(0, least), most, decimals));
  return anyOf(options);
}

function positiveDecimals(least: number, most: number, decimals: number): string {
  const unit = 10 ** decimals;
  const [first, last] = [Math.floor(least / unit), Math.floor(most / unit)];
  const fraction = (from: number, to: number) =>
    `"." ${sameLength(padded(from, decimals), padded(to, decimals))}`;
  if (first === last) {
    const whole = least % unit === 0 ? [literal(String(first))] : [];
    return anyOf([...whole, `${literal(String(first))} ${fraction(least % unit, most % unit)}`]);
  }
  const options = [
    `${literal(String(first))} ${fraction(least % unit, unit - 1)}`,
    `${literal(String(last))} ${fraction(0, most % unit)}`,
    literal(String(last)),
  ];
  if (least % unit === 0) options.push(literal(String(first)));
  if (last - first > 1) {
    options.push(`${naturals(first + 1, last - 1)} ("." [0-9]{1,${decimals}})?`);
  }
  return anyOf(options);
}

function naturals(least: number, most: number): string {
  const options: string[] = [];
  for (let length = String(least).length; length <= String(most).length; length += 1) {
    const first = Math.max(least, length === 1 ? 0 : 10 ** (length - 1));
    const last = Math.min(most, 10 ** length - 1);
    options.push(sameLength(String(first), String(last)));
  }
  return anyOf(options);
}

/** Digits from `least` to `most`, which have as many. */
function sameLength(least: string, most: string): string {
  let shared = 0;
  while (shared < least.length && least[shared] === most[shared]) shared += 1;
  if (shared === least.length) return literal(least);
  const [low, high] = [Number(least[shared]), Number(most[shared])];
  const left = least.length - shared - 1;
  const [after, before] = [least.slice(shared + 1), most.slice(shared + 1)];
  const digits = `[0-9]{${left}}`;
  const options: string[] = [];
  const startsWhole = /^0*$/.test(after);
  const endsWhole = /^9*$/.test(before);
  const [from, to] = [startsWhole ? low : low + 1, endsWhole ? high : high - 1];
  if (!startsWhole) options.push(`"${low}" ${sameLength(after, '9'.repeat(left))}`);
  if (from <= to) options.push(left === 0 ? `[${from}-${to}]` : `[${from}-${to}] ${digits}`);
  if (!endsWhole) options.push(`"${high}" ${sameLength('0'.repeat(left), before)}`);
  const rest = anyOf(options);
  return shared === 0 ? rest : `${literal(least.slice(0, shared))} ${rest}`;
}

function padded(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
