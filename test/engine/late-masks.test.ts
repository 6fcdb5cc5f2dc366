// An answer whose grammar is slow: it waits for its own masks, and nobody else does.
import { afterAll, describe, expect, it } from 'vitest';
import type { StepReport } from '../../src/engine/messages.ts';
import { createBoard, MaskWriter } from '../../src/policy/token-mask.ts';
import { loadTinyPolicy, pagedPolicyFolder, tinyPolicyFolder } from '../policy/tiny-policy.ts';
import { answeringLoop } from './answering-loop.ts';
import { finishOf, logprobsOf, sequenceRequest, tokensOf } from './inputs.ts';

const limits = { maxSequences: 4, prefillChunk: 64, minReuse: 16, sharesAnswers: false };
const maxTokens = 6;
/** So long that what is late is not lost. */
const forEver = 600_000;

describe.each([
  ['slots', tinyPolicyFolder],
  ['blocks', pagedPolicyFolder],
])('a mask that comes late, with %s', (_layout, modelFolder) => {
  const policy = loadTinyPolicy({ modelFolder });
  afterAll(() => policy.release());
  const evenIds = new Int32Array(Math.ceil(policy.manifest.vocab_size / 32)).fill(0x5555_5555);

  /** One answer under masks and one without; `isDue` says after which steps the next mask is there. */
  function answers(isDue: (step: number) => boolean, timeoutMs = forEver) {
    const board = createBoard(policy.manifest.vocab_size);
    const writer = new MaskWriter(board);
    writer.publish(evenIds);
    const steps: StepReport[] = [];
    const run = answeringLoop(policy, limits, (report) => {
      steps.push(report);
      if (isDue(steps.length) && writer.takeToken() !== null) writer.publish(evenIds);
    });
    const mask = { board, doorbell: new SharedArrayBuffer(4), timeoutMs };
    const [masked = [], free = []] = run([
      sequenceRequest(0, { mask, maxTokens, ignoreEos: true }),
      sequenceRequest(1, { maxTokens, ignoreEos: true, promptIds: [4, 10, 12] }),
    ]);
    return { masked, free, steps };
  }

  it('changes nothing in any answer', () => {
    const prompt = answers(() => true);
    const late = answers((step) => step % 3 === 0);
    expect(tokensOf(prompt.masked)).toHaveLength(maxTokens);
    expect(tokensOf(prompt.masked).filter((id) => id % 2 !== 0)).toEqual([]);
    expect(late.steps.length).toBeGreaterThan(prompt.steps.length);
    for (const name of ['masked', 'free'] as const) {
      expect(tokensOf(late[name])).toEqual(tokensOf(prompt[name]));
      expect(logprobsOf(late[name])).toEqual(logprobsOf(prompt[name]));
    }
  });

  it('ends its own answer alone where it never comes', () => {
    const timeoutMs = 1000;
    const { masked, free, steps } = answers(() => false, timeoutMs);
    expect(finishOf(masked)).toBe('unmasked');
    expect(tokensOf(masked)).toHaveLength(1);
    expect(tokensOf(free)).toEqual(tokensOf(answers(() => true).free));
    // Those beside it were never held up by as long as it may take.
    expect(Math.max(...steps.map(({ durationMs }) => durationMs))).toBeLessThan(timeoutMs);
  });
});
