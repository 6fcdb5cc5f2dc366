// UTF-8 of ranges of characters, as sequences of ranges of bytes: each sequence is all texts of one byte of each range.
import { type CharacterSet, without } from './character-set.ts';

type ByteRange = readonly [first: number, last: number];

/** The first and the last character of each length. Halves of surrogate pairs have no UTF-8. */
const LENGTHS: CharacterSet = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xffff],
  [0x10000, 0x10ffff],
];
const SURROGATES: CharacterSet = [[0xd800, 0xdfff]];
const CONTINUATION: ByteRange = [0x80, 0xbf];

export function utf8Ranges(set: CharacterSet): ByteRange[][] {
  return without(set, SURROGATES).flatMap(([first, last]) =>
    LENGTHS.filter(([least, most]) => first <= most && last >= least).flatMap(([least, most]) =>
      between(bytesOf(Math.max(first, least)), bytesOf(Math.min(last, most))),
    ),
  );
}

/** Of two texts of one length. */
function between(first: readonly number[], last: readonly number[]): ByteRange[][] {
  const [[low = 0, ...lowRest], [high = 0, ...highRest]] = [first, last];
  if (lowRest.length === 0) return [[[low, high]]];
  const within = (byte: number, from: readonly number[], to: readonly number[]) =>
    between(from, to).map((rest): ByteRange[] => [[byte, byte], ...rest]);
  if (low === high) return within(low, lowRest, highRest);
  const [least, most] = [lowRest.map(() => CONTINUATION[0]), lowRest.map(() => CONTINUATION[1])];
  const isLowWhole = lowRest.every((byte) => byte === CONTINUATION[0]);
  const isHighWhole = highRest.every((byte) => byte === CONTINUATION[1]);
  const whole: ByteRange = [isLowWhole ? low : low + 1, isHighWhole ? high : high - 1];
  return [
    ...(isLowWhole ? [] : within(low, lowRest, most)),
    ...(whole[0] > whole[1] ? [] : [[whole, ...lowRest.map(() => CONTINUATION)]]),
    ...(isHighWhole ? [] : within(high, least, highRest)),
  ];
}

function bytesOf(codePoint: number): readonly number[] {
  return [...Buffer.from(String.fromCodePoint(codePoint))];
}
