// What one generation is asked for, in this project's own words: validated, nothing of any wire format.
// `null` leaves a choice to the policy's manifest or the engine.
import type { Extraction, QForm } from '../engine/messages.ts';

/** Text, or the token ids themselves. */
export type Prompt = string | readonly number[];

/** No form of text can be demanded yet. */
export type Constraint = never;

export interface GenerationRequest {
  readonly prompts: readonly Prompt[];
  /** Answers to each prompt. */
  readonly choicesPerPrompt: number;
  /** Null: as many as fit after the prompt, up to `defaultMaxTokens`. */
  readonly maxTokens: number | null;
  readonly defaultMaxTokens: number;
  readonly temperature: number;
  /** 0 keeps all tokens. */
  readonly topK: number;
  readonly topP: number;
  /** Share of the most probable token's probability; 0 keeps all. */
  readonly minP: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** 1 is none. */
  readonly repetitionPenalty: number;
  readonly logitBias: readonly (readonly [tokenId: number, bias: number])[];
  /** Null draws a new one. */
  readonly seed: number | null;
  readonly stopStrings: readonly string[];
  readonly stopTokenIds: readonly number[];
  readonly ignoreEos: boolean;
  /** Tokens before any that would end the answer. */
  readonly minTokens: number;
  /** How many of the most probable alternatives to report with each token; null reports none at all. */
  readonly topLogprobs: number | null;
  /** Begin each answer with its prompt, and score the prompt too where log-probabilities are asked for. */
  readonly echo: boolean;
  /** Lower ones are served first; of equals, the first to come. */
  readonly priority: number;
  /** Requests of different scopes share nothing that is cached. */
  readonly cacheScope: string;
  /** What the answers' text must be; null leaves it to the policy. */
  readonly constraint: Constraint | null;
  readonly extraction: Extraction | null;
  readonly beta: number | null;
  readonly q: QForm | null;
}

export interface GeneratedToken {
  readonly text: string;
  /** Where the token begins in its answer's text, in characters (code points). */
  readonly textOffset: number;
  /** Null for the first token of a prompt, which nothing predicts. */
  readonly logprob: number | null;
  /** Most probable first; null with the first token of a prompt. */
  readonly top: readonly { readonly text: string; readonly logprob: number }[] | null;
}

/** A piece of one answer. Every answer's last piece, and only that, says why it ended. */
export interface ChoiceDelta {
  /** Which answer: prompt · choicesPerPrompt + choice. */
  readonly index: number;
  readonly text: string;
  /** Tokens whose first character is in `text`, where log-probabilities were asked for. */
  readonly tokens: readonly GeneratedToken[];
  readonly finishReason: FinishReason | null;
  /** The stop string or stop token that was met; null for every other reason and before the end. */
  readonly stopReason: string | number | null;
}

export type FinishReason = 'stop' | 'length';

export interface Usage {
  readonly promptTokens: number;
  /** Of those, tokens found in the cache. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
}
