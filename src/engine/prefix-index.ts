// Which slot already holds most of a prompt. Prefixes are compared token by token, so there is no index to keep in step
// with the slots; a prompt that shares nothing with a slot costs one comparison.

/** Tokens of which the first `past` are in the behavior model's cache, and the first `valuePast` in both models'. */
export interface Prefix {
  /** Only sequences of the same scope may see it. */
  readonly scope: string;
  readonly tokens: Int32Array;
  readonly past: number;
  readonly valuePast: number;
  /** Leading tokens that others may begin with, as soon as they have run. */
  readonly shareable: number;
}

export interface PrefixMatch<Holder extends Prefix = Prefix> {
  readonly holder: Holder;
  /** How many leading tokens it shares with the prompt. */
  readonly tokens: number;
}

export interface Prompt {
  readonly scope: string;
  readonly tokens: Int32Array;
  readonly length: number;
  /** Only what both models have run is of use to it. */
  readonly needsValue: boolean;
}

/**
 * The holder that shares most with the prompt, of equals the one with least beyond it; null when none shares `atLeast`.
 * The prompt's last token is never shared: running it is what scores the answer's first.
 */
export function longestPrefix<Holder extends Prefix>(
  holders: Iterable<Holder | null>,
  prompt: Prompt,
  atLeast: number,
  shared: (holder: Holder, limit: number) => number = (holder, limit) =>
    sharedTokens(prompt, holder, limit),
): PrefixMatch<Holder> | null {
  let best: PrefixMatch<Holder> | null = null;
  for (const holder of holders) {
    if (holder === null) continue;
    const run = prompt.needsValue ? holder.valuePast : holder.past;
    const usable = Math.min(run, holder.shareable);
    if (usable < (best?.tokens ?? atLeast)) continue;
    const tokens = shared(holder, usable);
    const isBetter =
      best === null
        ? tokens >= atLeast
        : tokens > best.tokens || (tokens === best.tokens && holder.past < best.holder.past);
    if (isBetter) best = { holder, tokens };
  }
  return best;
}

/** Leading tokens that `prompt` could take from the first `limit` of another's; none across scopes. */
export function sharedTokens(
  { scope, tokens, length }: Prompt,
  other: Pick<Prefix, 'scope' | 'tokens'>,
  limit: number,
): number {
  if (scope !== other.scope) return 0;
  const end = Math.min(limit, length - 1);
  let count = 0;
  while (count < end && tokens[count] === other.tokens[count]) count += 1;
  return count;
}

/** How many of its tokens are of use to others. */
export function shareableTokens({ past, shareable }: Prefix): number {
  return Math.min(past, shareable);
}
