// Who waits for a slot, in the order in which to get one. Callers take turns by the tokens their sequences take
// (start-time fair queueing); within one caller's, the lowest priority number goes first, of equals the first to come.
import type { Sequence } from './sequence.ts';

interface CallerLine {
  readonly waiting: Sequence[];
  /** Tokens this caller was charged, on the line's clock; the lowest goes first. */
  charged: number;
  /** The clock when it came back last. */
  backSince: number;
}

interface Turn {
  readonly line: CallerLine;
  charged: number;
  index: number;
}

export class WaitingLine implements Iterable<Sequence> {
  readonly #lines = new Map<string | null, CallerLine>();
  readonly #arrivals = new Map<Sequence, number>();
  #arrived = 0;
  /** What the caller whose turn was last had been charged: who comes back after a pause starts there. */
  #clock = 0;

  get length(): number {
    return this.#arrivals.size;
  }

  push(sequence: Sequence): void {
    const { caller, priority } = sequence.request;
    const line = this.#lines.get(caller) ?? { waiting: [], charged: 0, backSince: 0 };
    this.#lines.set(caller, line);
    // Having asked for nothing for a while is no credit.
    if (line.waiting.length === 0) {
      line.backSince = this.#clock;
      line.charged = Math.max(line.charged, this.#clock);
    }
    const behind = line.waiting.findLastIndex(({ request }) => request.priority <= priority);
    line.waiting.splice(behind + 1, 0, sequence);
    this.#arrivals.set(sequence, this.#arrived++);
  }

  /** In the order in which `take` gives them. */
  *[Symbol.iterator](): Generator<Sequence> {
    const turns = [...this.#lines.values()].map((line) => ({
      line,
      charged: line.charged,
      index: 0,
    }));
    for (;;) {
      const turn = this.#next(turns);
      const sequence = turn?.line.waiting[turn.index];
      if (turn === null || sequence === undefined) return;
      yield sequence;
      turn.index += 1;
      turn.charged += cost(sequence);
    }
  }

  /** Charges each for all the tokens it may come to; `settle` gives back what it did not use. */
  take(count: number): Sequence[] {
    const taken: Sequence[] = [];
    for (const sequence of this) {
      if (taken.length === count) break;
      taken.push(sequence);
    }
    for (const sequence of taken) {
      const line = this.#line(sequence);
      line.waiting.shift();
      this.#arrivals.delete(sequence);
      this.#clock = Math.max(this.#clock, line.charged);
      line.charged += cost(sequence);
    }
    return taken;
  }

  /** False for one that does not wait. */
  remove(id: number): boolean {
    for (const { waiting } of this.#lines.values()) {
      const index = waiting.findIndex(({ request }) => request.id === id);
      const [sequence] = index < 0 ? [] : waiting.splice(index, 1);
      if (sequence !== undefined) return this.#arrivals.delete(sequence);
    }
    return false;
  }

  /** For one that was taken and has ended. */
  settle(sequence: Sequence): void {
    const line = this.#line(sequence);
    const unused = cost(sequence) - sequence.length;
    // What it left unused while its caller was away is no credit either.
    line.charged = Math.max(line.charged - unused, line.backSince);
  }

  #line({ request }: Sequence): CallerLine {
    const line = this.#lines.get(request.caller);
    if (line === undefined) throw new Error('this sequence never waited');
    return line;
  }

  #next(turns: readonly Turn[]): Turn | null {
    let best: Turn | null = null;
    for (const turn of turns) {
      if (turn.index === turn.line.waiting.length) continue;
      const isBefore =
        best === null ||
        turn.charged < best.charged ||
        (turn.charged === best.charged && this.#arrival(turn) < this.#arrival(best));
      if (isBefore) best = turn;
    }
    return best;
  }

  #arrival({ line, index }: Turn): number {
    const sequence = line.waiting[index];
    return (sequence && this.#arrivals.get(sequence)) ?? Number.POSITIVE_INFINITY;
  }
}

function cost({ tokens }: Sequence): number {
  return tokens.length;
}
