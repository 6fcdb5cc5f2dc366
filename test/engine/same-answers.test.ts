// What a seeded request's answer may not depend on: to the bit where the kernels allow it, which is all but one case.
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { SequenceEvent, SequenceRequest } from '../../src/engine/messages.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { int8CacheFolder, loadTinyPolicy, tinyPolicyFolder } from '../policy/tiny-policy.ts';
import { seededRandom } from '../random.ts';
import { answeringLoop } from './answering-loop.ts';
import { cachedTokensOf, logprobsOf, sequenceRequest, tokensOf } from './inputs.ts';

const wordleFolder = fileURLToPath(new URL('../../models/wordle', import.meta.url));
const maxSequences = 8;
const capacity = { sequences: maxSequences, tokens: 128, scored: 64 };

interface Conditions {
  readonly prefillChunk: number;
  /** Infinity reuses nothing. */
  readonly minReuse: number;
}

const plain: Conditions = { prefillChunk: 64, minReuse: Number.POSITIVE_INFINITY };

/** Runs groups of requests one group after the other, each group at once; events by request. */
function answers(
  policy: Policy,
  groups: readonly (readonly SequenceRequest[])[],
  conditions: Conditions = plain,
): Map<number, SequenceEvent[]> {
  const run = answeringLoop(policy, { maxSequences, sharesAnswers: false, ...conditions });
  const eventsOf = (requests: readonly SequenceRequest[]) => {
    const events = run(requests);
    return requests.map(({ id }, index) => [id, events[index] ?? []] as const);
  };
  return new Map(groups.flatMap(eventsOf));
}

/** So many tokens at once that attention goes through a context in tiles. */
const forTiles = { ...capacity, tokens: 2 ** 16 };

describe.each([
  ['tiny', 'attending in one piece', tinyPolicyFolder, capacity, 4],
  ['tiny int8-cached', 'attending in one piece', int8CacheFolder, capacity, 4],
  ['bundled', 'attending in one piece', wordleFolder, capacity, 1024],
  ['tiny', 'attending in tiles', tinyPolicyFolder, forTiles, 4],
  ['tiny int8-cached', 'attending in tiles', int8CacheFolder, forTiles, 4],
  ['bundled', 'attending in tiles', wordleFolder, forTiles, 1024],
])('a seeded answer of the %s policy, %s', (_policy, _way, modelFolder, sizes, beta) => {
  const policy = loadTinyPolicy({ modelFolder, capacity: sizes });
  const onTwoThreads = loadTinyPolicy({ modelFolder, capacity: sizes, threads: 2 });
  afterAll(() => {
    policy.release();
    onTwoThreads.release();
  });

  const random = seededRandom(11);
  const prefix = Array.from({ length: 16 }, () => 4 + random.below(50));
  // Of one token, of one more than a chunk, and several that begin alike.
  const prompts = [1, 2, 9, 17, 40].map((length) =>
    Array.from({ length }, () => 4 + random.below(50)),
  );
  prompts.push(...[1, 4, 17].map((length) => [...prefix, ...Array(length).fill(5 + length)]));
  const requests = prompts.map((promptIds, id) =>
    sequenceRequest(id, {
      promptIds,
      maxTokens: 12,
      ignoreEos: true,
      policy: { extraction: 'kl', beta: id % 3 === 0 ? 0 : beta, q: 'probability' },
      sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: [id, 7], choice: 0 },
    }),
  );
  const alone = requests.map((request) => {
    const events = answers(policy, [[request]]).get(request.id) ?? [];
    return { tokens: tokensOf(events), logprobs: logprobsOf(events) };
  });

  function expectSame(events: Map<number, SequenceEvent[]>): void {
    const actual = requests.map(({ id }) => ({
      tokens: tokensOf(events.get(id) ?? []),
      logprobs: logprobsOf(events.get(id) ?? []),
    }));
    expect(actual).toEqual(alone);
  }

  it('is the same, to the bit, in a batch with others', () => {
    expectSame(answers(policy, [requests]));
    expectSame(answers(policy, [requests.toReversed()]));
  });

  it.each([2, 8, 16])('is the same, to the bit, with a prompt in chunks of %i', (prefillChunk) => {
    expectSame(answers(policy, [requests], { ...plain, prefillChunk }));
  });

  it('is the same, to the bit, on two threads', () => {
    expectSame(answers(onTwoThreads, [requests]));
  });

  it('is the same, to the bit, after a hit on a prompt', () => {
    const others = requests.map((request) => ({ ...request, id: request.id + 100, maxTokens: 1 }));
    const events = answers(policy, [others, requests], { ...plain, minReuse: 4 });
    const hits = requests.filter(({ id }) => cachedTokensOf(events.get(id) ?? []) > 0);
    expect(hits.length).toBeGreaterThan(4);
    expectSame(events);
  });

  it('is the same, to the bit, when n of them share a prefill', () => {
    const [, , , , request] = requests;
    if (!request) throw new Error('no request');
    const twins = [beta, beta, 0, beta / 2].map((ownBeta, choice) => ({
      ...{ ...request, id: 200 + choice },
      policy: { ...request.policy, beta: ownBeta },
      sampling: { ...request.sampling, choice },
    }));
    const events = answers(policy, [twins], { ...plain, minReuse: 4 });
    for (const twin of twins) {
      const { id } = twin;
      const [answer = [], lone = []] = [events.get(id), answers(policy, [[twin]]).get(id)];
      expect(cachedTokensOf(answer)).toBe(id === 200 ? 0 : request.promptIds.length - 1);
      expect(tokensOf(answer)).toEqual(tokensOf(lone));
      expect(logprobsOf(answer)).toEqual(logprobsOf(lone));
    }
  });
});
