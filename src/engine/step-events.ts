// Turns what a step did into the events its sequences' readers see.
import type { StepScores } from '../policy/step-outputs.ts';
import { topTokens } from '../policy/top-tokens.ts';
import type { DrawnToken, RatedToken, SequenceEvent, TokenLogprobs } from './messages.ts';
import type { Outcome, StepPlan } from './scheduler.ts';
import type { Sequence } from './sequence.ts';

export class StepEvents {
  /** Scores of prompts that take more than one run. */
  readonly #prompts = new WeakMap<Sequence, TokenLogprobs[]>();

  of(plan: StepPlan, outcomes: readonly Outcome[], scores: StepScores): SequenceEvent[] {
    return outcomes.flatMap((outcome, index) => {
      if (plan.scoring === 'last') return outcomeEvents(outcome, index, scores);
      const prompt = this.#prompt(plan, outcome, scores);
      const { start, sequence } = outcome;
      const last = sequence.request.promptIds.length - 1 - start;
      return [...prompt, ...outcomeEvents(outcome, last, scores)];
    });
  }

  /** Position j of the run scores the prompt token behind it. */
  #prompt(
    { width }: StepPlan,
    { sequence, start, token, finish }: Outcome,
    scores: StepScores,
  ): SequenceEvent[] {
    const { id, promptIds, scoreFrom } = sequence.request;
    const positions = this.#prompts.get(sequence) ?? [];
    const scored = promptIds.slice(start + 1, start + 1 + width);
    for (const [offset, tokenId] of scored.entries()) {
      if (start + 1 + offset < (scoreFrom ?? 1)) continue;
      positions.push(tokenLogprobs(tokenId, offset, sequence, scores));
    }
    this.#prompts.set(sequence, positions);
    const isWhole = token !== null || finish !== null;
    return isWhole ? [{ kind: 'prompt', id, positions }] : [];
  }
}

function outcomeEvents(
  { sequence, token, finish, endingToken }: Outcome,
  position: number,
  scores: StepScores,
): SequenceEvent[] {
  const { id } = sequence.request;
  const describe = (drawn: number) => describeDraw(sequence, drawn, position, scores);
  const events: SequenceEvent[] = [];
  if (token !== null) events.push({ kind: 'token', id, ...describe(token) });
  if (finish !== null) {
    const ending = endingToken === undefined ? {} : { ending: describe(endingToken) };
    events.push({ kind: 'finish', id, reason: finish, ...ending });
  }
  return events;
}

function describeDraw(
  sequence: Sequence,
  tokenId: number,
  position: number,
  scores: StepScores,
): DrawnToken {
  const { request, needsValue } = sequence;
  const { logprob, top, kl } = tokenLogprobs(tokenId, position, sequence, scores);
  return {
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
