// What is measured, before it is a metric: numbers that the other folders hand over.

/** One policy's engine, as far as a scrape reads it; all zero while it is not loaded. */
export interface PolicyLoad {
  /** Its id. */
  readonly model: string;
  /** Prompt and answer together, in tokens. */
  readonly maxLength: number;
  readonly slots: number;
  readonly kvCacheBytes: number;
  /** What all its slots hold, or its blocks. */
  readonly kvCacheTokens: number;
  /** Of a block of a paged cache; null where it has slots. */
  readonly blockTokens: number | null;
  /** Of its elements, as `policy.json` names it. */
  readonly kvCacheType: string;
  readonly waiting: number;
  readonly running: number;
  /** Share of the KV cache that is held, 0 to 1. */
  readonly cacheUsage: number;
}

/** What is measured of one answer; times in milliseconds on one clock, null for what did not happen. */
export interface AnswerTimes {
  readonly outcome: 'stop' | 'length' | 'abort' | 'error' | null;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly preemptions: number;
  readonly completionTokens: number;
  readonly maxTokens: number;
  readonly submittedAt: number;
  readonly admittedAt: number | null;
  readonly firstTokenAt: number | null;
  readonly lastTokenAt: number | null;
  readonly endedAt: number | null;
}

export interface TokenMeasurement {
  readonly seconds: number;
  readonly isFirst: boolean;
  readonly value: number | null;
  readonly kl: number;
}

export interface StepMeasurement {
  readonly kind: string;
  readonly batchSize: number;
  readonly tokens: number;
  readonly usesValue: boolean;
  readonly movesArgmax: boolean | null;
  readonly hostBytes: number;
  readonly durationMs: number;
  readonly admittedTokens: number;
  readonly cachedTokens: number;
  readonly preempted: number;
}
