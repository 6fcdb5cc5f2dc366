// The clients of a random story: what they ask, what they have been told, and that each request ends exactly once.
import { expect } from 'vitest';
import type { SequenceRequest } from '../../src/engine/messages.ts';
import type { Outcome } from '../../src/engine/outcome.ts';
import type { Sequence } from '../../src/engine/sequence.ts';
import { sequenceRequest } from './inputs.ts';
import { longestPrompt, type Submission, tokenAfter } from './stories.ts';

export class StoryClients {
  /** Answers so far, by id. */
  readonly #unfinished = new Map<number, number[]>();
  /** What clients know: prompts with their answers so far, to go on from. */
  readonly #transcripts: (readonly number[])[] = [[]];
  #nextId = 0;

  get unfinished(): ReadonlyMap<number, readonly number[]> {
    return this.#unfinished;
  }

  ask({ from, kept, added, choices, scored, beta, ...request }: Submission): SequenceRequest[] {
    const known = this.#transcripts[from % this.#transcripts.length] ?? [];
    const keptTokens = Math.floor((known.length * kept) / 16);
    const promptIds = [...known.slice(0, keptTokens), ...added].slice(0, longestPrompt);
    const scoreFrom = scored === null ? null : 1 + (scored % promptIds.length);
    this.#transcripts.push(promptIds);
    const policy = { extraction: 'kl', beta, q: 'probability' } as const;
    return Array.from({ length: choices }, () => {
      const id = this.#nextId++;
      this.#unfinished.set(id, []);
      return sequenceRequest(id, { ...request, promptIds, scoreFrom, policy });
    });
  }

  /** False where it has ended before. */
  leave(id: number): boolean {
    return this.#unfinished.delete(id);
  }

  hear(outcomes: readonly Outcome[]): void {
    for (const { sequence, token, finish } of outcomes) {
      const { id, maxTokens, promptIds } = sequence.request;
      const answer = this.#unfinished.get(id);
      if (!answer) throw new Error(`sequence ${id} ran after its end`);
      if (token !== null) {
        expect(token).toBe(tokenAfter(id, promptIds.length + answer.length));
        answer.push(token);
      }
      expect(answer.length).toBeLessThanOrEqual(maxTokens);
      if (finish === 'length') expect(answer.length).toBe(maxTokens);
      if (finish === null) continue;
      this.#transcripts.push([...promptIds, ...answer]);
      this.#finish(id);
    }
  }

  /** Their run failed. */
  lose(sequences: readonly Sequence[]): void {
    for (const { request } of sequences) this.#finish(request.id);
  }

  /** Exactly once. */
  #finish(id: number): void {
    expect(this.#unfinished.delete(id), `sequence ${id} finishes`).toBe(true);
  }
}
