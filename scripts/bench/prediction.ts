// How long a measurement will take, from one of the same kind that was smaller.

/** At most: prompts run one after the other, decoding together gets cheaper. */
export function predictMinutes(
  measured: { readonly concurrency: number; readonly seconds: number },
  concurrency: number,
): number {
  return ((concurrency / measured.concurrency) * measured.seconds) / 60;
}
