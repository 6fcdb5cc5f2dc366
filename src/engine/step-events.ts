// Turns what a step did into the events its sequences' readers see.
import type { StepScores, TokenRating } from '../policy/step-scores.ts';
import type { DrawnToken, RatedToken, SequenceEvent, TokenLogprobs } from './messages.ts';
import type { Outcome } from './outcome.ts';
import type { Sequence } from './sequence.ts';
import type { StepPlan } from './step-plan.ts';

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
      const index = start + 1 + offset - (scoreFrom ?? 1);
      if (index < 0) continue;
      const rating = scores.rate(offset, tokenId);
      // By its place: a sequence that lost its blocks part-way scores its prompt again.
      positions[index] = tokenLogprobs(tokenId, rating, offset, sequence, scores);
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
  const rating = scores.rate(position, tokenId);
  const { logprob, top, kl } = tokenLogprobs(tokenId, rating, position, sequence, scores);
  return {
    tokenId,
    logprob,
    behaviorLogprob: rating.behaviorLogprob,
    value: needsValue ? rating.valueProb : null,
    kl,
    ...(request.topLogprobs === null ? {} : { top }),
  };
}

function tokenLogprobs(
  tokenId: number,
  rating: TokenRating,
  position: number,
  { request: { topLogprobs, details }, needsValue }: Sequence,
  scores: StepScores,
): TokenLogprobs {
  const logNormalizer = scores.logNormalizer(position);
  const report = (id: number, { score, behaviorLogprob, valueProb }: TokenRating): RatedToken => {
    const rated = { tokenId: id, logprob: score - logNormalizer };
    return details ? { ...rated, details: { behaviorLogprob, value: valueProb } } : rated;
  };
  const ids = topLogprobs === null ? [] : scores.top(position, topLogprobs);
  // Without the value model π̂ is π_φ, and what the graph gives is rounding.
  const kl = needsValue ? scores.kl(position) : 0;
  const top = ids.map((id) => report(id, scores.rate(position, id)));
  return { ...report(tokenId, rating), top, kl };
}
