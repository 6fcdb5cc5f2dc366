// An agent's side of a conversation: each turn sends all that was said, and what it has just observed.
import { type StreamedCompletion, streamCompletion } from './completion-stream.ts';
import { promptText, randomPrompt } from './prompts.ts';

export const observationTokens = 32;
export const answerTokens = 16;

/** Of the prompt of a turn, counted from 1. */
export function promptTokens(turn: number): number {
  return turn * observationTokens + (turn - 1) * answerTokens;
}

export interface Endpoint {
  readonly url: string;
  readonly model: string;
}

export class Transcript {
  readonly #endpoint: Endpoint;
  /** Keeps conversations apart that should not help each other. */
  readonly #salt: string;
  #text = '';

  /** `turns` have been had before, elsewhere. */
  constructor(endpoint: Endpoint, salt: string, turns = 0) {
    this.#endpoint = endpoint;
    this.#salt = salt;
    this.#text = promptText(randomPrompt(turns * (observationTokens + answerTokens)));
  }

  observe(): void {
    this.#text += promptText(randomPrompt(observationTokens));
  }

  /** The agent's next words, which become part of the transcript. */
  async answer(): Promise<StreamedCompletion> {
    const answer = await this.#ask(this.#salt, answerTokens);
    this.#text += answer.text;
    return answer;
  }

  /** The same question where nothing of it has been seen before. */
  async askAfresh(salt: string): Promise<StreamedCompletion> {
    return this.#ask(salt, 1);
  }

  #ask(salt: string, maxTokens: number): Promise<StreamedCompletion> {
    const { url, model } = this.#endpoint;
    const seed = this.#text.length;
    return streamCompletion(url, {
      model,
      prompt: this.#text,
      max_tokens: maxTokens,
      cache_salt: salt,
      seed,
    });
  }
}

export function timeToFirstTokenMs({ startedAt, arrivals }: StreamedCompletion): number {
  return (arrivals[0] ?? Number.NaN) - startedAt;
}
