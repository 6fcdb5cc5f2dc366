// Who runs next where each sequence has a slot of the cache. The worker asks for a plan, runs it and commits.
//
// Promises of every plan:
// - a decode runs the first slots of the cache, without a gap: whoever is in the way changes places before the run;
// - each row's slot holds the first `past` of its tokens, run by itself or copied from a slot that had run the same;
// - callers take turns, and of each priority, then arrival, decides who gets a slot; more than one sequence is prefilled at once only if one run does them all
//   with little padding, and with tokens in the cache a sequence is prefilled alone;
// - a prompt that is run whole is run for all that are next in line with the same: each draws from its last token;
// - between two decodes no more than a chunk is prefilled, in as many runs as that takes;
// - a prompt's tokens run an even number at a time, padding included, and an answer's one by one. The attention kernel takes
//   queries in blocks of an even size and adds up in another order for one that is alone: so none of a prompt ever is, and
//   what a token gives doesn't depend on the chunks, the batch and the cached prefix it ran with.
import { drawingRows } from '../policy/step-batch.ts';
import type { SequenceRequest } from './messages.ts';
import { advanceRows, goingOn, type Outcome } from './outcome.ts';
import { evenAbove, evenBelow, prefillWidth } from './prefill-width.ts';
import { longestPrefix, type Prefix, type PrefixMatch, shareableTokens } from './prefix-index.ts';
import { canFollow, reusablePart, willShare } from './reusable-prompt.ts';
import { createSequence, type Sequence, unscoredTokens } from './sequence.ts';
import { SlotTable } from './slot-table.ts';
import type { Planner, PlannerLimits, StepPlan } from './step-plan.ts';
import { WaitingLine } from './waiting-line.ts';

/** How many of those in line are asked what they could use before a cache goes. */
const lookahead = 8;

/** Tokens that take as long as a run takes whatever it runs: to pad by more than a run of its own would cost is no gain. */
const mostPadding = 16;

type Run = Omit<StepPlan, 'moves' | 'admitted' | 'preempted'>;

export class Scheduler implements Planner {
  readonly #limits: PlannerLimits;
  readonly #slots: SlotTable;
  readonly #waiting = new WaitingLine();
  #prefilling: readonly Sequence[] = [];
  #decoding: readonly Sequence[] = [];
  #admitted: Sequence[] = [];
  /** Tokens prefilled since the last decode, padding included. */
  #prefilled = 0;

  constructor(limits: PlannerLimits) {
    this.#limits = limits;
    this.#slots = new SlotTable(limits.maxSequences);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): number {
    return this.#prefilling.length + this.#decoding.length;
  }

  get cacheUsage(): number {
    return this.running / this.#limits.maxSequences;
  }

  submit(request: SequenceRequest): void {
    this.#waiting.push(createSequence(request, this.#limits));
  }

  cancel(id: number): boolean {
    if (this.#waiting.remove(id)) return true;
    const isIt = ({ request }: Sequence): boolean => request.id === id;
    const sequence = this.#prefilling.find(isIt) ?? this.#decoding.find(isIt);
    if (!sequence) return false;
    this.#prefilling = this.#prefilling.filter((other) => other !== sequence);
    this.#decoding = this.#decoding.filter((other) => other !== sequence);
    this.#vacate(sequence);
    return true;
  }

  plan(): StepPlan | null {
    const batch = this.#planPrefill(this.#budget) ?? this.#planDecode();
    if (!batch) return null;
    const plan = {
      ...batch,
      moves: this.#slots.takeMoves(),
      admitted: this.#admitted,
      preempted: [],
    };
    this.#admitted = [];
    this.#prefilled = plan.kind === 'decode' ? 0 : this.#prefilled + plan.rows.length * plan.width;
    return plan;
  }

  commit(plan: StepPlan, tokens: ArrayLike<number>): readonly Outcome[] {
    const outcomes = advanceRows(plan, tokens, this.#limits);
    this.#copyToFollowers(plan);
    if (plan.kind === 'prefill') this.#promote(plan, outcomes);
    else if (outcomes.some(({ finish }) => finish !== null)) this.#decoding = goingOn(outcomes);
    for (const { sequence, finish } of outcomes) if (finish !== null) this.#vacate(sequence);
    return outcomes;
  }

  fail(plan: StepPlan): readonly Sequence[] {
    if (plan.kind === 'prefill') this.#prefilling = [];
    else this.#decoding = [];
    const lost = drawingRows(plan);
    for (const sequence of lost) {
      this.#waiting.settle(sequence);
      this.#slots.release(sequence);
    }
    return lost;
  }

  /** Tokens that may be prefilled before those that decode go on. */
  get #budget(): number {
    const { prefillChunk } = this.#limits;
    return this.#decoding.length === 0 ? prefillChunk : prefillChunk - this.#prefilled;
  }

  #planPrefill(budget: number): Run | null {
    if (this.#prefilling.length === 0) this.#admit(budget);
    const rows = this.#prefilling;
    const first = rows[0];
    if (!first || !this.#fits(first.length - first.past, budget)) return null;
    const { prefillChunk, maxScored } = this.#limits;
    const kind = 'prefill';
    const unscored = unscoredTokens(first);
    if (unscored > 1) {
      const width = evenBelow(Math.min(unscored, prefillChunk));
      return { kind, firstSlot: this.#slots.slotOf(first), rows, width, scoring: 'last' };
    }
    const scoring = first.request.scoreFrom === null ? 'last' : 'every';
    const chunk = scoring === 'every' ? Math.min(prefillChunk, maxScored) : prefillChunk;
    const width = prefillWidth(rows, chunk);
    const isAlone = rows.length === 1 && scoring === 'last';
    const isWhole = first.past + width >= first.length;
    const followers = isAlone && isWhole ? this.#admitFollowers(first) : [];
    return { kind, firstSlot: this.#slots.slotOf(first), rows, width, scoring, followers };
  }

  /** Those next in line whose prompt is the one that is about to have run: what it gives is theirs too. */
  #admitFollowers(leader: Sequence): readonly Sequence[] {
    const followers: Sequence[] = [];
    if (leader.length <= this.#limits.minReuse) return followers;
    for (const next of this.#waiting) {
      if (followers.length === this.#free || !canFollow(next, leader)) break;
      followers.push(next);
    }
    if (followers.length === 0) return followers;
    this.#waiting.take(followers.length);
    this.#place(followers, { behind: 1 });
    for (const follower of followers) {
      follower.past = leader.past;
      follower.valuePast = leader.valuePast;
      follower.cached = leader.length - 1;
    }
    return followers;
  }

  #copyToFollowers({ rows, followers = [] }: StepPlan): void {
    const [leader] = rows;
    for (const follower of followers) {
      if (leader) this.#slots.copy(leader, this.#slots.slotOf(follower), follower.past);
    }
  }

  #planDecode(): Run | null {
    if (this.#decoding.length === 0) return null;
    this.#decoding = this.#slots.gather(this.#decoding);
    return { kind: 'decode', firstSlot: 0, rows: this.#decoding, width: 1, scoring: 'last' };
  }

  /** Whether the budget has room for the rest of a prompt, or is that of a whole chunk. */
  #fits(tokens: number, budget: number): boolean {
    return evenAbove(tokens) <= budget || budget === this.#limits.prefillChunk;
  }

  /** Takes the head of the queue and, if one run can prefill it, those behind it that fit the same run. */
  #admit(budget: number): void {
    const [head] = this.#waiting;
    if (!head || this.#free === 0) return;
    const match = this.#match(head);
    if (!this.#fits(head.length - (match?.tokens ?? 0), budget)) return;
    const group = match === null ? this.#group(budget) : [head];
    this.#waiting.take(group.length);
    if (match === null) this.#place(group);
    else this.#reuse(head, match);
    this.#prefilling = group;
  }

  #group(budget: number): Sequence[] {
    const group: Sequence[] = [];
    let width = 0;
    for (const next of this.#waiting) {
      if (group.length === this.#free || this.#couldReuse(next, group)) break;
      const wider = Math.max(width, evenAbove(next.length));
      const tokens = (group.length + 1) * wider;
      const padding = tokens - group.length * width - evenAbove(next.length);
      const fitsOneRun = tokens <= budget && next.request.scoreFrom === null;
      if (group.length > 0 && (!fitsOneRun || padding > mostPadding)) break;
      group.push(next);
      width = wider;
      if (!fitsOneRun) break;
    }
    return group;
  }

  /** Whether a sequence had better start after `group`, which is about to run, or alone. */
  #couldReuse(next: Sequence, group: readonly Sequence[]): boolean {
    if (group.length === 0) return false;
    const { minReuse } = this.#limits;
    const prompt = reusablePart(next);
    return (
      group.some((other) => willShare(prompt, other) >= minReuse) || this.#match(next) !== null
    );
  }

  #match(sequence: Sequence): PrefixMatch | null {
    return longestPrefix(this.#slots.holders, reusablePart(sequence), this.#limits.minReuse);
  }

  /** Gives `sequence` a slot that begins with what `match` has: that very slot if little is lost, otherwise a copy. */
  #reuse(sequence: Sequence, { holder, tokens }: PrefixMatch): void {
    const lost = holder.past - tokens;
    if (
      this.#slots.isCached(holder) &&
      (lost < this.#limits.minReuse || !this.#slots.hasRoomBeside(holder))
    ) {
      this.#slots.replace(holder, sequence);
      this.#admitted.push(sequence);
    } else {
      this.#slots.touch(holder);
      this.#place([sequence], { source: holder });
      this.#slots.copy(holder, this.#slots.slotOf(sequence), tokens);
    }
    sequence.past = tokens;
    sequence.valuePast = Math.min(tokens, holder.valuePast);
    sequence.cached = tokens;
  }

  /** Gives `group` the slots behind the decoding ones and `behind` others; what `source` holds stays where it is used. */
  #place(
    group: readonly Sequence[],
    { behind = 0, source = null }: { behind?: number; source?: Prefix | null } = {},
  ): void {
    this.#slots.makeRoom(group.length, () => this.#wanted(source));
    this.#decoding = this.#slots.gather(this.#decoding);
    const first = this.#decoding.length + behind;
    this.#slots.open(first, group.length);
    for (const [index, sequence] of group.entries()) this.#slots.hold(first + index, sequence);
    this.#admitted.push(...group);
  }

  /** Caches that those next in line would begin with, and `source`. */
  #wanted(source: Prefix | null): ReadonlySet<Prefix> {
    const wanted = new Set<Prefix>(source === null ? [] : [source]);
    let seen = 0;
    for (const next of this.#waiting) {
      if (seen === lookahead) break;
      seen += 1;
      const match = this.#match(next);
      if (match !== null) wanted.add(match.holder);
    }
    return wanted;
  }

  get #free(): number {
    return this.#limits.maxSequences - this.running;
  }

  /** Prompts that are done start to decode. */
  #promote({ width }: StepPlan, outcomes: readonly Outcome[]): void {
    const isPartWay = outcomes.some(
      ({ sequence, start }) => start + width < sequence.request.promptIds.length,
    );
    if (isPartWay) return;
    this.#prefilling = [];
    this.#decoding = [...this.#decoding, ...goingOn(outcomes)];
  }

  #vacate(sequence: Sequence): void {
    this.#waiting.settle(sequence);
    if (shareableTokens(sequence) >= this.#limits.minReuse) this.#slots.retire(sequence);
    else this.#slots.release(sequence);
  }
}
