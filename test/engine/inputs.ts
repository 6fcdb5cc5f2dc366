// Sequences to submit, with only what a test cares about spelled out.
import type { SequenceInput } from '../../src/engine/client.ts';
import type { SequenceEvent, SequenceRequest } from '../../src/engine/messages.ts';
import { createBoard, type SharedMask } from '../../src/policy/token-mask.ts';

/** Of the tiny policy. */
const VOCABULARY_SIZE = 58;

export function sequenceInput(changes: Partial<SequenceInput> = {}): SequenceInput {
  return {
    promptIds: [4, 10, 11],
    maxTokens: 8,
    policy: { extraction: 'kl', beta: 4, q: 'probability' },
    sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: [1, 0], choice: 0 },
    edits: null,
    mask: null,
    ignoreEos: false,
    stopTokenIds: [],
    topLogprobs: null,
    details: false,
    scoreFrom: null,
    priority: 0,
    caller: null,
    cacheScope: '',
    ...changes,
  };
}

/** A mask that nobody writes: whatever waits for it is in flight until it is cancelled, however fast the machine. */
export function unwrittenMask(): SharedMask {
  const board = createBoard(VOCABULARY_SIZE);
  return { board, doorbell: new SharedArrayBuffer(4), timeoutMs: 600_000 };
}

export function sequenceRequest(id: number, changes: Partial<SequenceInput> = {}): SequenceRequest {
  return { ...sequenceInput(changes), id };
}

export function tokensOf(events: readonly SequenceEvent[]): number[] {
  return events.flatMap((event) => (event.kind === 'token' ? [event.tokenId] : []));
}

export function logprobsOf(events: readonly SequenceEvent[]): number[] {
  return events.flatMap((event) => (event.kind === 'token' ? [event.logprob] : []));
}

export function finishOf(events: readonly SequenceEvent[]): string | null {
  const last = events.at(-1);
  return last?.kind === 'finish' ? last.reason : null;
}

export function cachedTokensOf([first]: readonly SequenceEvent[]): number {
  return first?.kind === 'admit' ? first.cachedTokens : 0;
}
