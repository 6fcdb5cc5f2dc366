// Who runs next. Pure: it knows no clock, no model and no thread; the worker asks for a plan, runs it and commits.
//
// Invariants, between commit and plan:
// - decoding[i] lives in slot i, so the decode batch is the first slots of the cache, without a gap;
// - the sequences being prefilled live in the slots from `prefillSlot`, at or behind the decoding ones;
// - arrival order decides who gets a slot; more than one sequence is prefilled at once only if one run does them all.
import type { StepBatch } from '../policy/step-batch.ts';
import { tokensRun } from '../policy/step-batch.ts';
import type { EngineFinishReason, SequenceRequest } from './messages.ts';
import { append, createSequence, type Sequence, type Vocabulary } from './sequence.ts';

export interface SchedulerLimits extends Vocabulary {
  /** Slots of the cache. */
  readonly maxSequences: number;
  /** Most tokens of one prefill run, padding included. */
  readonly prefillChunk: number;
  /** Most positions one run can score. */
  readonly maxScored: number;
}

/** Before the run: slot `to` takes the first `tokens` tokens of slot `from`. */
export interface SlotMove {
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
}

export interface StepPlan extends StepBatch<Sequence> {
  readonly kind: 'prefill' | 'decode';
  /** To be made in this order. */
  readonly moves: readonly SlotMove[];
}

/** What a step did to one row. */
export interface Outcome {
  readonly sequence: Sequence;
  /** The answer token it gained; null while its prompt is part-way, and for a token that ended it. */
  readonly token: number | null;
  /** Set when this was its last step. */
  readonly finish: EngineFinishReason | null;
  /** Set when one of the request's stop tokens was its end. */
  readonly stopTokenId?: number;
}

export class Scheduler {
  readonly #limits: SchedulerLimits;
  readonly #waiting: Sequence[] = [];
  #prefilling: Sequence[] = [];
  #prefillSlot = 0;
  readonly #decoding: Sequence[] = [];
  #moves: SlotMove[] = [];
  #lastKind: StepPlan['kind'] = 'decode';

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): number {
    return this.#prefilling.length + this.#decoding.length;
  }

  submit(request: SequenceRequest): void {
    this.#waiting.push(createSequence(request, this.#limits));
  }

  /** Between commit and plan. False when the sequence has already finished. */
  cancel(id: number): boolean {
    return (
      removeFrom(this.#waiting, id) || removeFrom(this.#prefilling, id) || this.#cancelDecoding(id)
    );
  }

  /** The next run, or null when there is nothing to do. Prefill and decode take turns while there is both. */
  plan(): StepPlan | null {
    const mustDecode = this.#lastKind === 'prefill' && this.#decoding.length > 0;
    const batch = (mustDecode ? null : this.#planPrefill()) ?? this.#planDecode();
    if (!batch) return null;
    const plan = { ...batch, moves: this.#moves };
    this.#moves = [];
    this.#lastKind = plan.kind;
    return plan;
  }

  /** `tokens[i]` was drawn for row i of the plan, if that row has run all its tokens. */
  commit({ kind, rows, width }: StepPlan, tokens: ArrayLike<number>): readonly Outcome[] {
    const outcomes = rows.map((sequence, index) =>
      this.#advance(sequence, width, tokens[index] ?? -1),
    );
    if (kind === 'prefill') this.#promote(outcomes);
    else this.#removeFinished(outcomes);
    return outcomes;
  }

  /** The plan's run failed: its sequences are gone, the others go on. */
  fail({ kind, rows }: StepPlan): readonly Sequence[] {
    if (kind === 'prefill') this.#prefilling = [];
    else this.#decoding.length = 0;
    return rows;
  }

  #planPrefill(): Omit<StepPlan, 'moves'> | null {
    if (this.#prefilling.length === 0) this.#admit();
    const rows = this.#prefilling;
    const first = rows[0];
    if (!first) return null;
    const scoring = first.request.promptLogprobs ? 'every' : 'last';
    const remaining = Math.max(...rows.map(({ length, past }) => length - past));
    const width = Math.min(remaining, this.#chunkOf(first));
    return { kind: 'prefill', firstSlot: this.#prefillSlot, rows: [...rows], width, scoring };
  }

  #planDecode(): Omit<StepPlan, 'moves'> | null {
    if (this.#decoding.length === 0) return null;
    return { kind: 'decode', firstSlot: 0, rows: [...this.#decoding], width: 1, scoring: 'last' };
  }

  /** Takes the head of the queue and, if one run can prefill it, those behind it that fit the same run. */
  #admit(): void {
    const { maxSequences, prefillChunk } = this.#limits;
    const free = maxSequences - this.#decoding.length;
    const group: Sequence[] = [];
    let width = 0;
    for (const next of this.#waiting) {
      if (group.length === free) break;
      width = Math.max(width, next.length);
      const fitsOneRun = (group.length + 1) * width <= prefillChunk && !next.request.promptLogprobs;
      if (group.length > 0 && !fitsOneRun) break;
      group.push(next);
      if (!fitsOneRun) break;
    }
    this.#waiting.splice(0, group.length);
    this.#prefilling = group;
    this.#prefillSlot = this.#decoding.length;
  }

  #chunkOf({ request }: Sequence): number {
    const { prefillChunk, maxScored } = this.#limits;
    return request.promptLogprobs ? Math.min(prefillChunk, maxScored) : prefillChunk;
  }

  #advance(sequence: Sequence, width: number, token: number): Outcome {
    sequence.past += tokensRun(sequence, width);
    if (sequence.past < sequence.length) return { sequence, token: null, finish: null };
    if (sequence.request.maxTokens === 0) return { sequence, token: null, finish: 'length' };
    const finish = append(sequence, token, this.#limits);
    if (finish === 'stop_token') return { sequence, token: null, finish, stopTokenId: token };
    return { sequence, token: finish === 'eos' ? null : token, finish };
  }

  /** Prompts that are done start to decode; while they were prefilled, decoding ones may have left a gap before them. */
  #promote(outcomes: readonly Outcome[]): void {
    const isPartWay = outcomes.some(({ token, finish }) => token === null && finish === null);
    if (isPartWay) return;
    this.#prefilling = [];
    for (const [index, { sequence, finish }] of outcomes.entries()) {
      if (finish !== null) continue;
      this.#move(this.#prefillSlot + index, this.#decoding.length, sequence);
      this.#decoding.push(sequence);
    }
  }

  #removeFinished(outcomes: readonly Outcome[]): void {
    // From the last: the row that fills a gap is then one that goes on.
    for (let slot = outcomes.length - 1; slot >= 0; slot--) {
      if (outcomes[slot]?.finish !== null) this.#vacate(slot);
    }
  }

  #cancelDecoding(id: number): boolean {
    const slot = this.#decoding.findIndex(({ request }) => request.id === id);
    if (slot < 0) return false;
    this.#vacate(slot);
    return true;
  }

  /** The last decoding sequence takes the slot of the one that leaves. */
  #vacate(slot: number): void {
    const last = this.#decoding.pop();
    if (!last || slot === this.#decoding.length) return;
    this.#move(this.#decoding.length, slot, last);
    this.#decoding[slot] = last;
  }

  #move(from: number, to: number, { past }: Sequence): void {
    if (from !== to) this.#moves.push({ from, to, tokens: past });
  }
}

function removeFrom(sequences: Sequence[], id: number): boolean {
  const index = sequences.findIndex(({ request }) => request.id === id);
  if (index < 0) return false;
  sequences.splice(index, 1);
  return true;
}
