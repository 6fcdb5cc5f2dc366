// Which policy a request gets: its own words first, the manifest's defaults for the rest.
import type { PolicyParameters } from '../engine/messages.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { GenerationRequest } from './request.ts';

/** β as used: `behavior` is the policy with β = 0, and `greedy` ranks by p_θ whatever β is, so it counts as 1. */
export function resolvePolicy(
  request: Pick<GenerationRequest, 'extraction' | 'beta' | 'q'>,
  defaults: PolicyManifest['defaults'],
): PolicyParameters {
  const extraction = request.extraction ?? defaults.extraction;
  const q = request.q ?? defaults.q;
  switch (extraction) {
    case 'kl':
    case 'entropy':
      return { extraction, beta: request.beta ?? defaults.beta, q };
    case 'greedy':
      return { extraction, beta: 1, q };
    case 'behavior':
      return { extraction, beta: 0, q };
    default:
      return extraction satisfies never;
  }
}
