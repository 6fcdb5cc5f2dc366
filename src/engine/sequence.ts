// A request on its way through the engine: its tokens and how far each has come. The scheduler alone changes it.
import { needsValue, type StepWeights, samplingUnder, stepWeights } from '../policy/parameters.ts';
import type { PolicyRow } from '../policy/policy-row.ts';
import { ScoreEdits } from '../policy/score-edits.ts';
import { TokenMask } from '../policy/token-mask.ts';
import type { EngineFinishReason, SequenceRequest } from './messages.ts';

export interface Sequence extends PolicyRow {
  readonly request: SequenceRequest;
  length: number;
  past: number;
  valuePast: number;
  drawn: number;
  weights: StepWeights;
  blocks: readonly number[];
  /** Tokens that end it: the policy's, unless it ignores them, and its own. */
  readonly endingIds: ReadonlySet<number>;
  /** Prompt tokens it did not have to run. */
  cached: number;
  readonly scope: string;
  readonly shareable: number;
}

/** What sequences need to know of the policy's tokens. */
export interface Vocabulary {
  readonly vocabularySize: number;
  readonly eosTokenIds: ReadonlySet<number>;
}

export interface SequenceOptions extends Vocabulary {
  /** Whether others may begin with the tokens of its answer: decoded, they have the last bits of a lone query. */
  readonly sharesAnswers: boolean;
}

export function createSequence(request: SequenceRequest, options: SequenceOptions): Sequence {
  const { promptIds, maxTokens, policy, sampling, edits } = request;
  const tokens = new Int32Array(promptIds.length + maxTokens);
  tokens.set(promptIds);
  const endingIds = endingTokens(request, options);
  const { vocabularySize, sharesAnswers } = options;
  return {
    request,
    tokens,
    length: promptIds.length,
    past: 0,
    valuePast: 0,
    drawn: 0,
    cached: 0,
    blocks: [],
    scope: request.cacheScope,
    shareable: sharesAnswers ? tokens.length : promptIds.length,
    weights: stepWeights(policy, 0, maxTokens),
    needsValue: request.details || needsValue(policy),
    sampling: samplingUnder(policy, sampling),
    edits:
      edits === null
        ? null
        : new ScoreEdits(edits, { promptIds, maxTokens, vocabularySize, endingIds }),
    mask: request.mask === null ? null : new TokenMask(request.mask),
    endingIds,
  };
}

/** Adds a drawn token; returns why the sequence ends with it, or null. A token that ends the sequence is not kept. */
export function append(
  sequence: Sequence,
  token: number,
  { eosTokenIds }: Vocabulary,
): EngineFinishReason | null {
  const { request, edits, mask } = sequence;
  if (sequence.endingIds.has(token)) {
    return eosTokenIds.has(token) && !request.ignoreEos ? 'eos' : 'stop_token';
  }
  sequence.tokens[sequence.length] = token;
  sequence.length += 1;
  sequence.drawn += 1;
  edits?.record(token);
  if (typeof request.policy.beta !== 'number') {
    sequence.weights = stepWeights(request.policy, sequence.drawn, request.maxTokens);
  }
  if (sequence.drawn === request.maxTokens) return 'length';
  mask?.record(token, sequence.drawn);
  return null;
}

/** Tokens to run before the first of those that score the prompt. */
export function unscoredTokens({ request: { scoreFrom }, past }: Sequence): number {
  return scoreFrom === null ? 0 : Math.max(0, scoreFrom - 1 - past);
}

function endingTokens(
  { ignoreEos, stopTokenIds }: SequenceRequest,
  { eosTokenIds }: Vocabulary,
): ReadonlySet<number> {
  if (stopTokenIds.length === 0 && !ignoreEos) return eosTokenIds;
  return new Set([...(ignoreEos ? [] : eosTokenIds), ...stopTokenIds]);
}
