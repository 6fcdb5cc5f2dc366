// What a policy with a paged cache answers, run by plain operators on the CPU: what the one with slots does, to the rounding
// of its float16, whatever shares a run and however often a sequence is put back.
import { afterAll, describe, expect, it } from 'vitest';
import type { SequenceEvent, SequenceRequest, StepReport } from '../../src/engine/messages.ts';
import { loadTinyPolicy, pagedPolicyFolder, waysToRead } from '../policy/tiny-policy.ts';
import { seededRandom } from '../random.ts';
import { answeringLoop } from './answering-loop.ts';
import { cachedTokensOf, finishOf, logprobsOf, sequenceRequest, tokensOf } from './inputs.ts';

const maxSequences = 8;
const capacity = { sequences: maxSequences, tokens: 128, scored: 64 };
/** Of log π̂ at β 4. */
const rounding = 0.1;
const limits = { maxSequences, prefillChunk: 12, minReuse: 4, sharesAnswers: false };

const random = seededRandom(5);
const words = (length: number): number[] => Array.from({ length }, () => 4 + random.below(50));
const prefix = words(20);
const prompts = [1, 3, 17, 40].map(words);
prompts.push(...[1, 5, 15].map((length) => [...prefix, ...words(length)]));
const requests = prompts.map((promptIds, id) =>
  sequenceRequest(id, {
    promptIds,
    maxTokens: 12,
    ignoreEos: true,
    policy: { extraction: 'kl', beta: id % 3 === 0 ? 0 : 4, q: 'probability' },
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: [id, 7], choice: 0 },
  }),
);

describe.each(waysToRead)(
  'the answers of a policy with a paged cache, read %s',
  (_way, reading) => {
    const slots = loadTinyPolicy({ capacity });
    const paged = loadTinyPolicy({ modelFolder: pagedPolicyFolder, capacity, ...reading });
    afterAll(() => {
      slots.release();
      paged.release();
    });

    const alone = requests.map((request) => {
      const run = answeringLoop(slots, { ...limits, minReuse: Number.POSITIVE_INFINITY });
      return run([request])[0] ?? [];
    });

    function expectSame(found: readonly SequenceEvent[][], expected = alone): void {
      expect(found.map(tokensOf)).toEqual(expected.map(tokensOf));
      for (const [index, events] of found.entries()) {
        const logprobs = logprobsOf(expected[index] ?? []);
        for (const [at, logprob] of logprobsOf(events).entries()) {
          expect(Math.abs(logprob - (logprobs[at] ?? Number.NaN))).toBeLessThan(rounding);
        }
      }
    }

    function answer(
      asked: readonly SequenceRequest[],
      changes: Partial<typeof limits> & { blocks?: number } = {},
    ): { events: readonly SequenceEvent[][]; reports: readonly StepReport[] } {
      const reports: StepReport[] = [];
      const run = answeringLoop(paged, { ...limits, ...changes }, (report) => reports.push(report));
      return { events: run(asked), reports };
    }

    it('are those with slots, token by token, for prompts that are prefilled beside decodes', () => {
      const { events, reports } = answer(requests);
      expectSame(events);
      const mixed = reports.filter(({ kind }) => kind === 'mixed');
      expect(mixed.length).toBeGreaterThan(2);
      for (const { tokens, batchSize } of mixed) expect(tokens).toBeGreaterThan(batchSize);
    });

    it.each([2, 5, 64])('are the same with chunks of %i tokens', (prefillChunk) => {
      expectSame(answer(requests, { prefillChunk }).events);
    });

    it('are the same where blocks run out and sequences begin again', () => {
      // Six blocks of 16 for five sequences that come to take three each.
      const growing = requests.slice(0, 5).map((request) => ({
        ...request,
        promptIds: [...request.promptIds, ...prefix].slice(0, 10),
        maxTokens: 30,
      }));
      const expected = growing.map((request) => answer([request]).events[0] ?? []);
      const { events, reports } = answer(growing, {
        blocks: 6,
        minReuse: Number.POSITIVE_INFINITY,
      });
      expectSame(events, expected);
      expect(events.map(finishOf)).toEqual(growing.map(() => 'length'));
      const admissions = events.map((all) => all.filter(({ kind }) => kind === 'admit').length);
      expect(admissions).toEqual(growing.map(() => 1));
      const preemptions = events.flat().filter(({ kind }) => kind === 'preempt').length;
      expect(preemptions).toBeGreaterThan(0);
      expect(reports.reduce((sum, { preempted }) => sum + preempted, 0)).toBe(preemptions);
      expect(Math.max(...reports.map(({ cacheUsage }) => cacheUsage))).toBeGreaterThan(0.8);
      expect(reports.at(-1)).toMatchObject({ running: 0, cacheUsage: 0 });
    });

    it('are the same for answers to one prompt, which is prefilled once', () => {
      const [, , , , , , request] = requests;
      if (request === undefined) throw new Error('no request');
      const twins = [100, 101, 102].map((id) => ({ ...request, id }));
      const { events } = answer(twins);
      expectSame(
        events,
        twins.map(() => alone[request.id] ?? []),
      );
      // 35 tokens: two whole blocks that all share, and of the third a copy.
      expect(events.map(cachedTokensOf)).toEqual([0, 34, 34]);
    });

    it('score prompts as those with slots do', () => {
      const scored = [2, 3, 6].map((id) =>
        sequenceRequest(id, {
          promptIds: prompts[id] ?? [],
          scoreFrom: 1 + (id % 3),
          maxTokens: 1,
        }),
      );
      const { events } = answer([
        ...scored,
        ...requests.slice(0, 2).map((r) => ({ ...r, id: r.id + 50 })),
      ]);
      const expected = answeringLoop(slots, limits)(scored);
      for (const [index, request] of scored.entries()) {
        const read = (all: readonly SequenceEvent[] = []) =>
          all.flatMap((event) => (event.kind === 'prompt' ? event.positions : []));
        const positions = read(events[index]);
        expect(positions).toHaveLength(request.promptIds.length - (request.scoreFrom ?? 0));
        for (const [at, { tokenId, logprob }] of read(expected[index]).entries()) {
          expect(positions[at]?.tokenId).toBe(tokenId);
          expect(Math.abs((positions[at]?.logprob ?? Number.NaN) - logprob)).toBeLessThan(rounding);
        }
      }
    });
  },
);
