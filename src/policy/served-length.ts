// How long a sequence of a policy may get, prompt and answer together, in tokens.
import type { PolicyManifest } from './manifest.ts';

/** What was asked for, where null asks for what the policy was built for. */
export function servedLength(
  asked: number | null,
  { id, max_length: longest }: PolicyManifest,
): number {
  if (asked === null) return longest;
  if (asked <= longest) return asked;
  throw new Error(`max-model-len is ${asked}, and ${id} was built for at most ${longest} tokens.`);
}
