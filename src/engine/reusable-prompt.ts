// What of a sequence's prompt may come from another's cache.
import { type Prompt, sharedTokens } from './prefix-index.ts';
import type { Sequence } from './sequence.ts';

/** Tokens that score others must run, so they are reused no more than the prompt's last. */
export function reusablePart(sequence: Sequence): Prompt {
  const { scoreFrom } = sequence.request;
  if (scoreFrom === null) return sequence;
  const { scope, tokens, needsValue } = sequence;
  return { scope, tokens, length: scoreFrom, needsValue };
}

/** Leading tokens that `prompt` could take from `other` once that has run. */
export function willShare(prompt: Prompt, other: Sequence): number {
  if (prompt.needsValue && !other.needsValue) return 0;
  return sharedTokens(prompt, other, other.length);
}

/** Whether what the run of another's prompt gives is what `sequence` would begin its answer with: their prompts are the same. */
export function canFollow(sequence: Sequence, leader: Sequence): boolean {
  const last = leader.length - 1;
  return (
    sequence.length === leader.length &&
    sequence.request.scoreFrom === null &&
    sequence.tokens[last] === leader.tokens[last] &&
    willShare(sequence, leader) === last
  );
}
