// What a prefix hit on earlier answers does to an answer: nothing, up to the rounding of decoded against prefilled tokens.
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTinyPolicy, tinyPolicyFolder } from '../policy/tiny-policy.ts';
import { seededRandom } from '../random.ts';
import { answeringLoop } from './answering-loop.ts';
import { cachedTokensOf, logprobsOf, sequenceRequest, tokensOf } from './inputs.ts';

const wordleFolder = fileURLToPath(new URL('../../models/wordle', import.meta.url));
const maxSequences = 8;
const capacity = { sequences: maxSequences, tokens: 128, scored: 64 };
const limits = { maxSequences, prefillChunk: 64 };

describe.each([
  ['tiny', tinyPolicyFolder, 60, 4],
  ['bundled', wordleFolder, 120, 1024],
])('answers of the %s policy', (_, modelFolder, longest, beta) => {
  const policies = [
    loadTinyPolicy({ modelFolder, capacity }),
    loadTinyPolicy({ modelFolder, capacity }),
  ] as const;
  afterAll(() => {
    for (const policy of policies) policy.release();
  });

  it('are the same with and without a prefix hit', () => {
    const random = seededRandom(7);
    const [withCache, without] = [
      answeringLoop(policies[0], { ...limits, minReuse: 4 }),
      answeringLoop(policies[1], { ...limits, minReuse: Number.POSITIVE_INFINITY }),
    ];
    let prompts = [0, 1, 2].map((letter) => [4, 10 + letter, 20, 21, 22, 23]);
    let hits = 0;
    let furthest = 0;
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
      const reused = withCache(requests);
      for (const [index, fresh] of without(requests).entries()) {
        const answer = reused[index] ?? [];
        expect(tokensOf(answer)).toEqual(tokensOf(fresh));
        const expected = logprobsOf(fresh);
        for (const [step, logprob] of logprobsOf(answer).entries()) {
          furthest = Math.max(furthest, Math.abs(logprob - (expected[step] ?? NaN)));
        }
        hits += Number(cachedTokensOf(answer) > 0);
      }
      prompts = prompts.map((promptIds, conversation) => [
        ...promptIds,
        ...tokensOf(reused[2 * conversation] ?? []),
        random.below(20) + 5,
      ]);
    }
    expect(hits).toBeGreaterThan(30);
    // Attention over one query adds up in another order than over several; β multiplies the rounding of p_θ.
    expect(furthest).toBeLessThan(4e-5 + 1e-6 * beta);
  });
});
