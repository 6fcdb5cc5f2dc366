// How many tokens of each prompt a prefill runs.
import type { Sequence } from './sequence.ts';

/** Even, unless that would pad beyond what a sequence may fill: its last token is then one that nobody reads. */
export function prefillWidth(rows: readonly Sequence[], chunk: number): number {
  const remaining = Math.max(...rows.map(({ length, past }) => length - past));
  const width = Math.min(evenAbove(remaining), evenBelow(chunk));
  const hasRoom = rows.some(({ past, tokens }) => past + width <= tokens.length);
  return hasRoom ? width : remaining;
}

export function evenAbove(count: number): number {
  return count + (count % 2);
}

export function evenBelow(count: number): number {
  return count - (count % 2);
}
