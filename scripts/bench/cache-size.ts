// How many sequences' caches this machine has room for.
import { freemem } from 'node:os';

/** Of both models' keys and values in float32, for the shape of `make_model.py`. */
const bytesPerToken = 2 * 30 * 2 * 3 * 64 * 4;

/** Leaves a third of the free memory free. */
export function affordableSequences(lengthTokens: number, freeBytes = freemem()): number {
  return Math.floor(((2 / 3) * freeBytes) / (lengthTokens * bytesPerToken));
}
