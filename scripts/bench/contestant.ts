// What is compared: ways to decode two models per token. All get the same work and answer with the same times.

export interface Workload {
  /** Answers decoded at the same time. */
  readonly concurrency: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export interface Timing {
  /** From the start until every answer has its first token. */
  readonly prefillSeconds: number;
  /** From the start until every answer is complete. */
  readonly seconds: number;
  /** Of all answers together. */
  readonly tokens: number;
}

export interface Contestant {
  measure(workload: Workload): Promise<Timing>;
  stop(): Promise<void>;
}

/** How to start one; null where what it needs is not installed. */
export interface Entry {
  readonly name: string;
  readonly start: () => Promise<Contestant | null>;
}

/** Prompts and answers, the whole of it. */
export function tokensPerSecond({ tokens, seconds }: Timing): number {
  return tokens / seconds;
}
