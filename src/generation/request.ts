// What one generation is asked for, in this project's own words: validated, nothing of any wire format.
// `null` leaves a choice to the policy's manifest or the engine.
import type { BetaSchedule, Extraction, QForm } from '../engine/messages.ts';
import type { Constraint } from './constraint.ts';

/** Text, or the token ids themselves. */
export type Prompt = string | readonly number[];

export interface GenerationRequest {
  readonly prompts: readonly Prompt[];
  /** Whether prompts of text get what the tokenizer puts around a text; null does as in training. */
  readonly addsSpecialTokens: boolean | null;
  /** Text after the gap that each answer fills; null continues the prompt. */
  readonly suffix: string | null;
  /** Keep only so many of a prompt's last tokens; −1 keeps what leaves room for the answer, null all. */
  readonly truncatePromptTokens: number | null;
  /** Answers to each prompt. */
  readonly choicesPerPrompt: number;
  /** Answers to write to each prompt; the best `choicesPerPrompt` of them are given. */
  readonly bestOf: number;
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
  /** What ends an answer, of `stopStrings` and `stopTokenIds`, is part of its text. */
  readonly includeStop: boolean;
  readonly ignoreEos: boolean;
  /** Tokens before any that would end the answer. */
  readonly minTokens: number;
  /** Tokens that alone may be drawn; null allows all. */
  readonly allowedTokenIds: readonly number[] | null;
  /** Texts whose tokens may not follow each other in an answer. */
  readonly bannedWords: readonly string[];
  /** Special tokens have no text. */
  readonly skipSpecialTokens: boolean;
  /** How many of the most probable alternatives to report with each token; null reports none at all. */
  readonly topLogprobs: number | null;
  /** The same for the tokens of the prompt, apart from `echo`. */
  readonly promptLogprobs: number | null;
  /** Report what each model says of every token and alternative that is reported. */
  readonly details: boolean;
  /** Begin each answer with its prompt, and score the prompt too where log-probabilities are asked for. */
  readonly echo: boolean;
  /** Name of the key that the request came with; null where none was asked for. */
  readonly caller: string | null;
  /** Of one caller's requests, lower ones are served first; of equals, the first to come. */
  readonly priority: number;
  /** Requests of different scopes share nothing that is cached. */
  readonly cacheScope: string;
  /** What the answers' text must be; null leaves it to the policy. */
  readonly constraint: Constraint | null;
  readonly extraction: Extraction | null;
  readonly beta: number | BetaSchedule | null;
  readonly q: QForm | null;
}

/** What the two models say of a token, apart. */
export interface ModelsView {
  /** log π_φ. */
  readonly behaviorLogprob: number;
  /** p_θ. */
  readonly value: number;
  /** p_θ/π_φ, capped at 1, on tokens the behavior model supports; 0 elsewhere. */
  readonly ratio: number;
}

export interface RatedText {
  readonly tokenId: number;
  readonly text: string;
  readonly logprob: number;
  /** Null where the request did not ask for details. */
  readonly models: ModelsView | null;
}

export interface GeneratedToken {
  readonly tokenId: number;
  readonly text: string;
  /** Where the token begins in its answer's text, in characters (code points). */
  readonly textOffset: number;
  /** Null for the first token of a prompt, which nothing predicts. */
  readonly logprob: number | null;
  /** Most probable first; null with the first token of a prompt. */
  readonly top: readonly RatedText[] | null;
  /** Null where the request did not ask for details, and with the first token of a prompt. */
  readonly models: ModelsView | null;
  /** KL(π̂ ‖ π_φ) of the position in nats; null with the first token of a prompt. */
  readonly kl: number | null;
}

export interface PromptView {
  readonly tokenIds: readonly number[];
  /** Where log-probabilities of the prompt were asked for. */
  readonly tokens: readonly GeneratedToken[] | null;
}

/** A piece of one answer. Every answer's last piece, and only that, says why it ended. */
export interface ChoiceDelta {
  /** Which answer: prompt · choicesPerPrompt + choice. */
  readonly index: number;
  readonly text: string;
  /** Tokens whose first character is in `text`, where log-probabilities were asked for. */
  readonly tokens: readonly GeneratedToken[];
  /** Tokens generated since the piece before. */
  readonly tokenIds: readonly number[];
  /** With an answer's first piece only. */
  readonly prompt: PromptView | null;
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
