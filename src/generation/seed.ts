// A request's integer seed as the two 32-bit words every draw is computed from.
import { randomBytes } from 'node:crypto';

export type SeedWords = readonly [low: number, high: number];

const WORD = 2 ** 32;

/** Two's complement of 64 bits, so negative seeds are seeds of their own. */
export function seedWords(seed: number): SeedWords {
  const high = Math.floor(seed / WORD);
  return [seed - high * WORD, high >>> 0];
}

export function randomSeedWords(): SeedWords {
  const bytes = randomBytes(8);
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
}
