// The one file both threads agree on: what crosses between the main thread and the engine's worker.
// Only ids, numbers and token events; no text.

import type { PolicyManifest } from '../policy/manifest.ts';
import type {
  PolicyParameters,
  SamplingParameters,
  ScoreEditParameters,
} from '../policy/parameters.ts';
import type { SharedMask } from '../policy/token-mask.ts';

export type {
  BetaSchedule,
  Extraction,
  PolicyParameters,
  QForm,
  SamplingParameters,
  ScoreEditParameters,
} from '../policy/parameters.ts';
export type { SharedMask } from '../policy/token-mask.ts';

/** One sequence to decode: everything the engine needs to know of a request. */
export interface SequenceRequest {
  readonly id: number;
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly policy: PolicyParameters;
  readonly sampling: SamplingParameters;
  /** Null leaves the scores as they are, at no cost. */
  readonly edits: ScoreEditParameters | null;
  /** Allows only the tokens it says at each step; null allows all. */
  readonly mask: SharedMask | null;
  /** The policy's end-of-sequence tokens are tokens like others. */
  readonly ignoreEos: boolean;
  /** Tokens that end the sequence beside those. */
  readonly stopTokenIds: readonly number[];
  /** How many of the most probable alternatives to report with each token; null reports none at all. */
  readonly topLogprobs: number | null;
  /** Report what each model says of every token and alternative that is reported. */
  readonly details: boolean;
  /** Also score the prompt tokens from this one on, at least 1 because nothing predicts the first; null scores none. */
  readonly scoreFrom: number | null;
  /** Whose it is: callers take turns. Null is a caller like others. */
  readonly caller: string | null;
  /** Of one caller's, lower ones get a slot first; of equals, the first to come. */
  readonly priority: number;
  /** Sequences of different scopes never reuse what the other has cached. */
  readonly cacheScope: string;
}

/** What the models say of one token apart. */
export interface TokenDetails {
  /** log π_φ of the token. */
  readonly behaviorLogprob: number;
  /** p_θ of the token. */
  readonly value: number;
}

export interface RatedToken {
  readonly tokenId: number;
  /** log π̂ of the token. */
  readonly logprob: number;
  /** Present when the request asked for them. */
  readonly details?: TokenDetails;
}

/** One position under the combined policy, before temperature and truncation. */
export interface TokenLogprobs extends RatedToken {
  /** Most probable first; ties by token id. */
  readonly top: readonly RatedToken[];
  /** KL(π̂ ‖ π_φ) of the position, in nats. */
  readonly kl: number;
}

/** The first event of a sequence that got a slot; it comes with what its first run gave. */
export interface AdmitEvent {
  readonly kind: 'admit';
  readonly id: number;
  /** Prompt tokens that were in the cache and did not have to run. */
  readonly cachedTokens: number;
  /** How long it has had its slot by now. */
  readonly sinceMs: number;
}

/** A sequence lost its blocks of a paged cache to others: what it had runs again before it goes on. */
export interface PreemptEvent {
  readonly kind: 'preempt';
  readonly id: number;
}

/** The prompt of a sequence has been scored; `positions[i]` belongs to prompt token `scoreFrom` + i. */
export interface PromptEvent {
  readonly kind: 'prompt';
  readonly id: number;
  readonly positions: readonly TokenLogprobs[];
}

/** A token that was drawn, and what was thought of it. */
export interface DrawnToken {
  readonly tokenId: number;
  /** log π̂ of the token. */
  readonly logprob: number;
  /** log π_φ of the token. */
  readonly behaviorLogprob: number;
  /** p_θ of the token; null for a sequence that does not need the value model. */
  readonly value: number | null;
  /** KL(π̂ ‖ π_φ) of this step, in nats. */
  readonly kl: number;
  /** Present when the request asked for `topLogprobs`. */
  readonly top?: TokenLogprobs['top'];
}

/** One answer token. The token that ends a sequence comes with its finish event instead. */
export interface TokenEvent extends DrawnToken {
  readonly kind: 'token';
  readonly id: number;
}

/** `unmasked`: the mask of its next token never came. `dead_end`: it left none. */
export type EngineFinishReason =
  | 'eos'
  | 'stop_token'
  | 'length'
  | 'cancelled'
  | 'unmasked'
  | 'dead_end'
  | 'error';

/** The last event of every sequence that was submitted, exactly once. */
export interface FinishEvent {
  readonly kind: 'finish';
  readonly id: number;
  readonly reason: EngineFinishReason;
  /** Set with the reasons `eos` and `stop_token`: the token that ended the sequence and is no part of it. */
  readonly ending?: DrawnToken;
  /** Set with `reason: 'error'`: safe to show a client. */
  readonly message?: string;
}

export type SequenceEvent = AdmitEvent | PreemptEvent | PromptEvent | TokenEvent | FinishEvent;

/** What a step did, for metrics. */
export interface StepReport {
  /** Only with a paged cache do some rows of a step prefill while others decode. */
  readonly kind: 'prefill' | 'decode' | 'mixed';
  readonly batchSize: number;
  /** Tokens run: of prompts by a prefill, for each row its last by a decode. */
  readonly tokens: number;
  /** Prompt tokens of the sequences that got their slots for this step. */
  readonly admittedTokens: number;
  /** How many of those were in the cache. */
  readonly cachedTokens: number;
  /** Both models ran; false where every β was 0. */
  readonly usesValue: boolean;
  /** Whether the value model moved the best token of one row that was looked at; null where none was. */
  readonly movesArgmax: boolean | null;
  /** What came from a device to the host, of scores and draws; 0 on the CPU. */
  readonly hostBytes: number;
  readonly durationMs: number;
  /** Sequences that lost their blocks of a paged cache to others before this step, and wait to run again what they had. */
  readonly preempted: number;
  /** Sequences that have places in the cache behind this step, and the share of the cache that is theirs, 0 to 1. */
  readonly running: number;
  readonly cacheUsage: number;
  /** Why the run failed, for the log; its sequences have ended with reason `error`. */
  readonly error?: string;
}

export type ToWorker =
  | { readonly type: 'submit'; readonly requests: readonly SequenceRequest[] }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'ping' }
  | { readonly type: 'close' };

export type FromWorker =
  | { readonly type: 'ready'; readonly model: EngineModel; readonly manifest: PolicyManifest }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'pong' }
  | { readonly type: 'events'; readonly events: readonly SequenceEvent[] }
  | {
      readonly type: 'step';
      readonly report: StepReport;
      readonly events: readonly SequenceEvent[];
    };

/** What the engine serves and how much of it, known once the worker is ready. */
export interface EngineModel {
  readonly device: string;
  readonly maxSequences: number;
  /** Prompt and answer together, in tokens. */
  readonly maxLength: number;
  readonly kvCacheBytes: number;
  /** Of a paged cache, which any sequence takes; absent where each has a slot. */
  readonly blocks?: number;
}
