// A request on its way through the engine: its tokens and how far each has come. The scheduler alone changes it.
import { samplingUnder, stepWeights } from '../policy/parameters.ts';
import type { PolicyRow } from '../policy/policy.ts';
import type { EngineFinishReason, SequenceRequest } from './messages.ts';

export interface Sequence extends PolicyRow {
  readonly request: SequenceRequest;
  length: number;
  past: number;
  drawn: number;
}

export function createSequence(request: SequenceRequest): Sequence {
  const { promptIds, maxTokens, policy, sampling } = request;
  const tokens = new Int32Array(promptIds.length + maxTokens);
  tokens.set(promptIds);
  return {
    request,
    tokens,
    length: promptIds.length,
    past: 0,
    drawn: 0,
    weights: stepWeights(policy),
    sampling: samplingUnder(policy, sampling),
  };
}

/** Adds a drawn token; returns why the sequence ends with it, or null. An end-of-sequence token is not kept. */
export function append(
  sequence: Sequence,
  token: number,
  eosTokenIds: ReadonlySet<number>,
): EngineFinishReason | null {
  if (eosTokenIds.has(token)) return 'eos';
  sequence.tokens[sequence.length] = token;
  sequence.length += 1;
  sequence.drawn += 1;
  return sequence.drawn === sequence.request.maxTokens ? 'length' : null;
}
