// Turns what a step did into the events its sequences' readers see.
import type { StepScores } from '../policy/step-outputs.ts';
import { topTokens } from '../policy/top-tokens.ts';
import type { RatedToken, SequenceEvent, TokenLogprobs } from './messages.ts';
import type { Outcome, StepPlan } from './scheduler.ts';
import type { Sequence } from './sequence.ts';

export class StepEvents {
  /** Scores of prompts that take more than one run. */
  readonly #prompts = new WeakMap<Sequence, TokenLogprobs[]>();

  of(plan: StepPlan, outcomes: readonly Outcome[], scores: StepScores): SequenceEvent[] {
    const events: SequenceEvent[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const { sequence, token, finish, stopTokenId } = outcome;
      const { id } = sequence.request;
      if (plan.scoring === 'every') events.push(...this.#prompt(plan, outcome, scores));
      if (token !== null) {
        const position = plan.scoring === 'every' ? plan.width - 1 : index;
        events.push(tokenEvent(sequence, token, position, scores));
      }
      if (finish !== null) {
        const stopped = stopTokenId === undefined ? {} : { tokenId: stopTokenId };
        events.push({ kind: 'finish', id, reason: finish, ...stopped });
      }
    }
    return events;
  }

  /** Position j of the run scores the prompt token behind it; such runs begin right before `scoreFrom`. */
  #prompt(
    { width }: StepPlan,
    { sequence, token, finish }: Outcome,
    scores: StepScores,
  ): SequenceEvent[] {
    const { id, promptIds, scoreFrom } = sequence.request;
    const positions = this.#prompts.get(sequence) ?? [];
    const start = (scoreFrom ?? 1) + positions.length;
    for (const [offset, tokenId] of promptIds.slice(start, start + width).entries()) {
      positions.push(tokenLogprobs(tokenId, offset, sequence, scores));
    }
    this.#prompts.set(sequence, positions);
    const isWhole = token !== null || finish !== null;
    return isWhole ? [{ kind: 'prompt', id, positions }] : [];
  }
}

function tokenEvent(
  sequence: Sequence,
  tokenId: number,
  position: number,
  scores: StepScores,
): SequenceEvent {
  const { request, needsValue } = sequence;
  const { logprob, top, kl } = tokenLogprobs(tokenId, position, sequence, scores);
  return {
    kind: 'token',
    id: request.id,
    tokenId,
    logprob,
    behaviorLogprob: valueAt(scores.behaviorLogprobs[position], tokenId),
    value: needsValue ? valueAt(scores.valueProbs[position], tokenId) : null,
    kl,
    ...(request.topLogprobs === null ? {} : { top }),
  };
}

function tokenLogprobs(
  tokenId: number,
  position: number,
  { request: { topLogprobs, details }, needsValue }: Sequence,
  scores: StepScores,
): TokenLogprobs {
  const row = scores.scores[position];
  const logNormalizer = valueAt(scores.logNormalizer, position);
  const rate = (id: number): RatedToken => {
    const rated = { tokenId: id, logprob: valueAt(row, id) - logNormalizer };
    if (!details) return rated;
    const behaviorLogprob = valueAt(scores.behaviorLogprobs[position], id);
    const value = valueAt(scores.valueProbs[position], id);
    return { ...rated, details: { behaviorLogprob, value } };
  };
  const ids = topLogprobs !== null && row ? topTokens(row, topLogprobs) : [];
  // Without the value model π̂ is π_φ, and what the graph gives is rounding.
  const kl = needsValue ? valueAt(scores.kl, position) : 0;
  return { ...rate(tokenId), top: ids.map(rate), kl };
}

function valueAt(values: Float32Array | undefined, index: number): number {
  const value = values?.[index];
  if (value === undefined) throw new Error(`The step has no score ${index}.`);
  return value;
}
