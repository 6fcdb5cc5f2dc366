// One replica and the agents that are its own, simulated step by step: agents think, ask, wait for a slot, get their prompt read and their
// answer decoded in a batch. Seeded: the same numbers on every machine.
import { type Capacity, stepSeconds } from './capacity.ts';

export interface AgentHabits {
  /** Mean time between an answer and the agent's next question; exponential. */
  readonly thinkSeconds: number;
  readonly promptTokens: number;
  /** Share of the prompt that the cache still has from the agent's last turn. */
  readonly prefixHitRate: number;
  /** Mean; geometric. */
  readonly answerTokens: number;
}

export interface Load {
  readonly tokensPerSecond: number;
  /** From question to first token. */
  readonly ttftP95Seconds: number;
  /** Between two tokens of an answer, on its average. */
  readonly paceP95Seconds: number;
}

interface Turn {
  readonly tokens: number;
  readonly firstTokenAt: number;
  tokensLeft: number;
}

/** Share of the simulated time that fills the replica before anything is counted. */
const warmUpShare = 0.2;

export function simulateReplica(
  capacity: Capacity,
  agents: number,
  habits: AgentHabits,
  simulatedSeconds: number,
  seed: number,
): Load {
  const replica = new Replica(capacity, agents, habits, mulberry32(seed));
  replica.runUntil(simulatedSeconds * warmUpShare);
  replica.forget();
  replica.runUntil(simulatedSeconds);
  return replica.load(simulatedSeconds * (1 - warmUpShare));
}

class Replica {
  readonly #capacity: Capacity;
  readonly #habits: AgentHabits;
  readonly #random: () => number;
  readonly #slots: number;
  readonly #promptSeconds: number;
  /** When agents that think will ask, the soonest last. */
  readonly #questions: number[];
  /** When those who wait asked. */
  readonly #waiting: number[] = [];
  #running: Turn[] = [];
  #now = 0;
  #tokens = 0;
  #ttfts: number[] = [];
  #paces: number[] = [];

  constructor(capacity: Capacity, agents: number, habits: AgentHabits, random: () => number) {
    this.#capacity = capacity;
    this.#habits = habits;
    this.#random = random;
    this.#slots = Math.max(...capacity.steps.map(({ batch }) => batch));
    const uncached = habits.promptTokens * (1 - habits.prefixHitRate);
    this.#promptSeconds = uncached / capacity.prefillTokensPerSecond;
    this.#questions = Array.from({ length: agents }, () => this.#thinkSeconds());
    this.#questions.sort((one, other) => other - one);
  }

  /** One prompt or one decode step at a time, as the engine does; prompts go first. */
  runUntil(end: number): void {
    while (this.#now < end) {
      this.#hear();
      if (this.#waiting.length > 0 && this.#running.length < this.#slots) this.#readPrompt();
      else if (this.#running.length > 0) this.#decode();
      else this.#now = this.#questions.at(-1) ?? end;
    }
  }

  forget(): void {
    this.#tokens = 0;
    this.#ttfts = [];
    this.#paces = [];
  }

  load(seconds: number): Load {
    // Whoever still waits has no first token yet, and waits at least this long.
    const unanswered = this.#waiting.map((askedAt) => this.#now - askedAt);
    return {
      tokensPerSecond: this.#tokens / seconds,
      ttftP95Seconds: percentile95([...this.#ttfts, ...unanswered]),
      paceP95Seconds: percentile95(this.#paces),
    };
  }

  #hear(): void {
    for (;;) {
      const next = this.#questions.at(-1);
      if (next === undefined || next > this.#now) return;
      this.#waiting.push(next);
      this.#questions.pop();
    }
  }

  /** Its last run gives the answer's first token. */
  #readPrompt(): void {
    const askedAt = this.#waiting.shift() ?? this.#now;
    this.#now += this.#promptSeconds;
    this.#ttfts.push(this.#now - askedAt);
    this.#tokens += 1;
    const tokens = this.#answerTokens();
    this.#running.push({ tokens, firstTokenAt: this.#now, tokensLeft: tokens - 1 });
    this.#dismiss();
  }

  #decode(): void {
    this.#now += stepSeconds(this.#capacity, this.#running.length);
    this.#tokens += this.#running.length;
    for (const turn of this.#running) turn.tokensLeft -= 1;
    this.#dismiss();
  }

  #dismiss(): void {
    for (const { tokens, firstTokenAt, tokensLeft } of this.#running) {
      if (tokensLeft > 0) continue;
      if (tokens > 1) this.#paces.push((this.#now - firstTokenAt) / (tokens - 1));
      this.#think();
    }
    this.#running = this.#running.filter(({ tokensLeft }) => tokensLeft > 0);
  }

  #think(): void {
    const at = this.#now + this.#thinkSeconds();
    let index = this.#questions.length;
    while (index > 0 && (this.#questions[index - 1] ?? 0) < at) index -= 1;
    this.#questions.splice(index, 0, at);
  }

  #thinkSeconds(): number {
    return -Math.log(1 - this.#random()) * this.#habits.thinkSeconds;
  }

  #answerTokens(): number {
    const stop = 1 / Math.max(2, this.#habits.answerTokens);
    return 1 + Math.floor(Math.log(1 - this.#random()) / Math.log(1 - stop));
  }
}

function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(0.95 * sorted.length) - 1)] ?? 0;
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
