// Prompts over the vocabulary of `make_model.py`: every one differs, so no cache of prefixes helps anyone.

const vocabulary = 49_152;
/** Ids below are reserved. */
const firstWord = 2;

let state = 1;

export function randomPrompt(tokens: number): number[] {
  return Array.from({ length: tokens }, () => firstWord + (random() % (vocabulary - firstWord)));
}

export function promptText(ids: readonly number[]): string {
  return ids.map((id) => `t${id} `).join('');
}

/** xorshift32. */
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
