import { describe, expect, it } from 'vitest';
import { choosePolicy } from '../../src/http/policy-choice.ts';
import { cpuMs } from '../cpu-time.ts';
import { LIMITS } from './test-app.ts';

describe('controls behind the name of a model', () => {
  it.each([
    ['4..0.5', { start: 4, end: 0.5 }],
    ['1e1...5', { start: 10, end: 0.5 }],
    ['8', 8],
  ])('reads beta=%s', (text, beta) => {
    expect(choosePolicy({ model: `a@beta=${text}` }, LIMITS).beta).toEqual(beta);
  });

  it.each(['..', '..4', '4..', '4..5..6', 'x..y'])('refuses beta=%s', (text) => {
    expect(() => choosePolicy({ model: `a@beta=${text}` }, LIMITS)).toThrow(/has a beta that must/);
  });

  it('refuses a long text that is no range in no time', () => {
    const model = `a@beta=${'.'.repeat(300_000)}x`;
    const takenMs = cpuMs(() =>
      expect(() => choosePolicy({ model }, LIMITS)).toThrow(/has a beta that must/),
    );
    expect(takenMs).toBeLessThan(1000);
  });
});
