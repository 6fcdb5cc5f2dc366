// What a prefix hit in a conversation does to an answer: to the bit nothing, unless the decoded tokens of earlier answers
// are shared too; then no more than the rounding of decoded against prefilled ones.
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { SequenceEvent } from '../../src/engine/messages.ts';
import { int8CacheFolder, loadTinyPolicy, tinyPolicyFolder } from '../policy/tiny-policy.ts';
import { seededRandom } from '../random.ts';
import { answeringLoop } from './answering-loop.ts';
import { cachedTokensOf, logprobsOf, sequenceRequest, tokensOf } from './inputs.ts';

const wordleFolder = fileURLToPath(new URL('../../models/wordle', import.meta.url));
const maxSequences = 8;
const capacity = { sequences: maxSequences, tokens: 128, scored: 64 };
const limits = { maxSequences, prefillChunk: 64 };

interface Pair {
  readonly reused: readonly SequenceEvent[];
  readonly fresh: readonly SequenceEvent[];
}

describe.each([
  ['tiny', tinyPolicyFolder, 60, 4],
  ['tiny int8-cached', int8CacheFolder, 60, 4],
  ['bundled', wordleFolder, 120, 1024],
])('answers of the %s policy', (_, modelFolder, longest, beta) => {
  const policies = [
    loadTinyPolicy({ modelFolder, capacity }),
    loadTinyPolicy({ modelFolder, capacity }),
  ] as const;
  afterAll(() => {
    for (const policy of policies) policy.release();
  });

  /** Three conversations of eight turns and two answers each, with a cache and without. */
  function converse(sharesAnswers: boolean): readonly Pair[] {
    const random = seededRandom(7);
    const [withCache, without] = [
      answeringLoop(policies[0], { ...limits, minReuse: 4, sharesAnswers }),
      answeringLoop(policies[1], { ...limits, minReuse: Number.POSITIVE_INFINITY, sharesAnswers }),
    ];
    let prompts = [0, 1, 2].map((letter) => [4, 10 + letter, 20, 21, 22, 23]);
    const pairs: Pair[] = [];
    for (let turn = 0; turn < 8; turn++) {
      const requests = prompts.flatMap((promptIds, conversation) =>
        [0, 1].map((choice) =>
          sequenceRequest(10 * turn + 2 * conversation + choice, {
            promptIds,
            maxTokens: Math.min(6, longest - promptIds.length),
            policy: { extraction: 'kl', beta, q: 'probability' },
            sampling: {
              temperature: 1,
              topK: 0,
              topP: 1,
              minP: 0,
              seed: [turn, conversation],
              choice,
            },
          }),
        ),
      );
      const answers = withCache(requests);
      for (const [index, fresh] of without(requests).entries()) {
        pairs.push({ reused: answers[index] ?? [], fresh });
      }
      prompts = prompts.map((promptIds, conversation) => [
        ...promptIds,
        ...tokensOf(answers[2 * conversation] ?? []),
        random.below(20) + 5,
      ]);
    }
    const hits = pairs.filter(({ reused }) => cachedTokensOf(reused) > 0);
    expect(hits.length).toBeGreaterThan(30);
    return pairs;
  }

  it('are the same, to the bit, with and without hits on earlier turns', () => {
    for (const { reused, fresh } of converse(false)) {
      expect(tokensOf(reused)).toEqual(tokensOf(fresh));
      expect(logprobsOf(reused)).toEqual(logprobsOf(fresh));
    }
  });

  it('differ by rounding where decoded tokens are shared too', () => {
    for (const { reused, fresh } of converse(true)) {
      expect(tokensOf(reused)).toEqual(tokensOf(fresh));
      const expected = logprobsOf(fresh);
      for (const [step, logprob] of logprobsOf(reused).entries()) {
        // Attention over one query adds up in another order than over several; β multiplies the rounding of p_θ.
        const difference = Math.abs(logprob - (expected[step] ?? NaN));
        expect(difference).toBeLessThan(4e-5 + 1e-6 * beta);
      }
    }
  });
});
