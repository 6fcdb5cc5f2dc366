// Who runs next where the cache is paged. Rows of any past and of any number of tokens share a run, so every step decodes
// whoever can be decoded and prefills a chunk beside.
//
// Promises of every plan:
// - each row's blocks hold the first `past` of its tokens and have room for those it runs; what it writes, nobody else has;
// - beside the decodes no more than a chunk is prefilled, those who came first before the others;
// - a sequence that finds no block waits. One that runs and needs another gets it from the youngest, which is put back and
//   runs again what it had: so the oldest always goes on, and all come to an end;
// - a prompt that is scored runs alone, in turns with all others.

import { BlockPool, type PagedPrefix } from './block-pool.ts';
import type { SequenceRequest } from './messages.ts';
import { advanceRows, type Outcome } from './outcome.ts';
import { longestPrefix, type PrefixMatch, type Prompt, shareableTokens } from './prefix-index.ts';
import { reusablePart } from './reusable-prompt.ts';
import { createSequence, type Sequence, unscoredTokens } from './sequence.ts';
import { type SharedTokens, sharedByBlocks } from './shared-blocks.ts';
import type { Planner, PlannerLimits, SlotMove, StepPlan } from './step-plan.ts';
import { WaitingLine } from './waiting-line.ts';

export interface PagedLimits extends PlannerLimits {
  /** Of the cache: at least as many as the longest sequence takes. */
  readonly blocks: number;
  /** Tokens of a block. */
  readonly blockSize: number;
}

type Run = Omit<StepPlan, 'firstSlot' | 'moves' | 'admitted' | 'preempted'>;

export class PagedScheduler implements Planner {
  readonly #limits: PagedLimits;
  readonly #pool: BlockPool;
  readonly #waiting = new WaitingLine();
  /** Put back, the oldest last; they go on before anyone new begins. */
  readonly #paused: Sequence[] = [];
  /** The oldest first. */
  #running: Sequence[] = [];
  #admitted: Sequence[] = [];
  #moves: SlotMove[] = [];
  #preempted: Sequence[] = [];
  /** Who was last to find too few blocks, and how many it takes: until there are, nobody searches again for what it shares. */
  #lacking: { readonly sequence: Sequence; readonly blocks: number } | null = null;
  /** The last run was of a prompt that is scored. */
  #hasScored = false;

  constructor(limits: PagedLimits) {
    this.#limits = limits;
    this.#pool = new BlockPool(limits.blocks, limits.blockSize);
  }

  get waiting(): number {
    return this.#waiting.length + this.#paused.length;
  }

  get running(): number {
    return this.#running.length;
  }

  get cacheUsage(): number {
    return this.#pool.usage;
  }

  submit(request: SequenceRequest): void {
    this.#waiting.push(createSequence(request, this.#limits));
  }

  cancel(id: number): boolean {
    if (this.#waiting.remove(id)) return true;
    const isIt = ({ request }: Sequence): boolean => request.id === id;
    const paused = this.#paused.findIndex(isIt);
    const [sequence] = paused >= 0 ? this.#paused.splice(paused, 1) : this.#running.filter(isIt);
    if (sequence === undefined) return false;
    this.#end(sequence);
    return true;
  }

  plan(): StepPlan | null {
    this.#grow();
    this.#admit();
    const run = this.#planScored() ?? this.#planRows();
    if (run === null) return null;
    const plan = {
      ...run,
      firstSlot: 0,
      moves: this.#moves,
      admitted: this.#admitted,
      preempted: this.#preempted,
    };
    this.#moves = [];
    this.#admitted = [];
    this.#preempted = [];
    return plan;
  }

  commit(plan: StepPlan, tokens: ArrayLike<number>): readonly Outcome[] {
    const outcomes = advanceRows(plan, tokens, this.#limits);
    for (const { sequence, finish } of outcomes) if (finish !== null) this.#end(sequence);
    return outcomes;
  }

  fail({ rows }: StepPlan): readonly Sequence[] {
    for (const sequence of rows) {
      // Nobody begins with what a failed run may have left.
      sequence.past = 0;
      this.#end(sequence);
    }
    return rows;
  }

  /** A block for each token that is to be decoded, at the cost of the youngest where there is none. */
  #grow(): void {
    for (const [index, sequence] of this.#running.entries()) {
      const missing = this.#pool.blocksFor(sequence.length) - sequence.blocks.length;
      if (missing === 0) continue;
      while (missing > this.#pool.available && index < this.#running.length) this.#putBack();
      if (index >= this.#running.length) return;
      sequence.blocks = [...sequence.blocks, ...this.#pool.take(missing)];
    }
  }

  #putBack(): void {
    const youngest = this.#running.pop();
    if (youngest === undefined) return;
    this.#leave(youngest);
    youngest.past = 0;
    youngest.valuePast = 0;
    this.#paused.push(youngest);
    this.#preempted.push(youngest);
  }

  /** Lets in as many as the next run has tokens for, while there are blocks for their prompts. */
  #admit(): void {
    const { maxSequences, prefillChunk } = this.#limits;
    const unrun = (): number =>
      this.#running.reduce((sum, { length, past }) => sum + length - past - 1, 0);
    while (this.#running.length < maxSequences && unrun() < prefillChunk) {
      const paused = this.#paused.at(-1);
      const next = paused ?? this.#head;
      if (next === undefined || !this.#enter(next)) return;
      if (paused !== undefined) this.#paused.pop();
      else {
        this.#waiting.take(1);
        next.cached = next.past;
        this.#admitted.push(next);
      }
    }
  }

  get #head(): Sequence | undefined {
    const [head] = this.#waiting;
    return head;
  }

  /** Gives a sequence blocks for all its tokens, of which the first may be others' too; false if it has to wait. */
  #enter(sequence: Sequence): boolean {
    if (this.#lacking?.sequence === sequence && !this.#hasRoom(this.#lacking.blocks)) return false;
    const prompt = reusablePart(sequence);
    const compare = sharedByBlocks(prompt, this.#pool.blockSize);
    const match = this.#match(prompt, compare);
    const shared = match?.tokens ?? 0;
    if (this.#sharesSoon(prompt, shared, compare)) return false;
    const whole = Math.floor(shared / this.#pool.blockSize);
    const common = match?.holder.blocks.slice(0, whole) ?? [];
    const missing = this.#pool.blocksFor(sequence.length) - whole;
    const { available } = this.#pool;
    this.#pool.share(common);
    if (!this.#hasRoom(missing)) {
      this.#lacking = { sequence, blocks: missing + available - this.#pool.available };
      this.#pool.giveBack(common);
      return false;
    }
    const own = this.#pool.take(missing);
    if (match !== null) this.#begin(sequence, match, own[0]);
    sequence.blocks = [...common, ...own];
    this.#running.push(sequence);
    return true;
  }

  /** Those that run will want one block more each: who comes in must not be what they take it from. */
  #hasRoom(blocks: number): boolean {
    return blocks + this.#running.length <= this.#pool.available;
  }

  /** The tokens behind the last whole block that it shares are copied into its own first. */
  #begin(sequence: Sequence, { holder, tokens }: PrefixMatch<PagedPrefix>, own = -1): void {
    const beyond = tokens % this.#pool.blockSize;
    const from = holder.blocks[Math.floor(tokens / this.#pool.blockSize)] ?? -1;
    // It may be the very block, where the cache it was of has just made room.
    if (beyond > 0 && from !== own) {
      this.#moves.push({ kind: 'copy', from, to: own, tokens: beyond });
    }
    this.#pool.touch(holder);
    sequence.past = tokens;
    sequence.valuePast = Math.min(tokens, holder.valuePast);
  }

  #match(prompt: Prompt, compare: SharedTokens): PrefixMatch<PagedPrefix> | null {
    const holders = [...this.#running, ...this.#pool.caches];
    return longestPrefix(holders, prompt, this.#limits.minReuse, compare);
  }

  /** Whether one that runs is about to have more of a prompt than the cache has now. */
  #sharesSoon(prompt: Prompt, shared: number, compare: SharedTokens): boolean {
    return this.#running.some((other) => {
      // All that it has to share has been found.
      if (other.past >= other.shareable) return false;
      if (prompt.needsValue && !other.needsValue) return false;
      const soon = compare(other, Math.min(other.length, other.shareable));
      return soon > shared && soon >= this.#limits.minReuse;
    });
  }

  #planScored(): Run | null {
    const sequence = this.#running.find(isScored);
    const isTurn = !this.#hasScored || this.#running.every(isScored);
    this.#hasScored = sequence !== undefined && isTurn;
    if (sequence === undefined || !isTurn) return null;
    const { prefillChunk, maxScored } = this.#limits;
    const { length, past } = sequence;
    const unscored = unscoredTokens(sequence);
    const rows = [sequence];
    if (unscored > 0) {
      return { kind: 'prefill', rows, width: Math.min(unscored, prefillChunk), scoring: 'last' };
    }
    const width = Math.min(length - past, prefillChunk, maxScored);
    return { kind: 'prefill', rows, width, scoring: 'every' };
  }

  /** All that decode, and of the prompts as many as the chunk has tokens for. */
  #planRows(): Run | null {
    const able = this.#running.filter((sequence) => !isScored(sequence));
    const decoding = able.filter(({ length, past }) => length - past === 1);
    const prompts: Sequence[] = [];
    let width = 1;
    let budget = this.#limits.prefillChunk;
    for (const sequence of able) {
      const left = sequence.length - sequence.past;
      const count = Math.min(left, budget);
      // All rows are cut to one width: one that is cut must not cut those before it.
      if (left === 1 || (count < left && count < width) || count === 0) continue;
      prompts.push(sequence);
      width = count < left ? count : Math.max(width, count);
      budget -= count;
    }
    const rows = [...decoding, ...prompts];
    if (rows.length === 0) return null;
    const kind = prompts.length === 0 ? 'decode' : decoding.length === 0 ? 'prefill' : 'mixed';
    return { kind, rows, width, scoring: 'last' };
  }

  #end(sequence: Sequence): void {
    this.#running = this.#running.filter((other) => other !== sequence);
    this.#waiting.settle(sequence);
    this.#leave(sequence);
  }

  /** Its blocks are nobody's, but for what others may begin with. */
  #leave(sequence: Sequence): void {
    const past = shareableTokens(sequence);
    if (past >= this.#limits.minReuse) {
      const blocks = sequence.blocks.slice(0, this.#pool.blocksFor(past));
      const { scope } = sequence;
      const tokens = sequence.tokens.slice(0, past);
      const valuePast = Math.min(past, sequence.valuePast);
      this.#pool.keep({ scope, tokens, past, valuePast, shareable: past, blocks });
    }
    this.#pool.giveBack(sequence.blocks);
    sequence.blocks = [];
  }
}

/** Whether tokens of its prompt are still to be scored. */
function isScored({ request: { scoreFrom }, drawn }: Sequence): boolean {
  return scoreFrom !== null && drawn === 0;
}
