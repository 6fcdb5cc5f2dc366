// The uniform draws behind sampling. Counter-based: a draw depends on its seed, choice and step and on nothing else,
// so a request's tokens do not depend on what shares its batch. The Python reference computes the same bits.

/** The draw in [0, 1) for token `step` of answer `choice`; 53 random bits. */
export function uniform(seed: readonly [number, number], choice: number, step: number): number {
  const state = absorb(absorb(absorb(absorb(0, seed[0]), seed[1]), choice), step);
  const high = absorb(state, 1) >>> 5;
  const low = absorb(state, 2) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}

function absorb(state: number, word: number): number {
  return mix(((state ^ word) + 0x9e3779b9) >>> 0);
}

/** The finalizer of MurmurHash3 on 32 bits. */
function mix(word: number): number {
  let hash = word;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
