import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { textWithout } from '../../src/constraint/text-without.ts';
import { accepts, openByteConstraints } from './byte-reader.ts';

const bytes = openByteConstraints();
afterAll(() => bytes.close());

describe('textWithout', () => {
  it.each([[['ab']], [['aab', 'aba']], [['</a>', '<b=', '</c>']], [['aaa', 'bcb']]])(
    'takes every text but those with one of %j',
    async (strings) => {
      const format = { type: 'grammar', grammar: textWithout(strings, 'root') } as const;
      const piece = fc.constantFrom(...strings.join(''), ...strings, 'é', '\n', 'x');
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
          const text = pieces.join('');
          const isFree = !strings.some((string) => text.includes(string));
          expect(await accepts(bytes, format, text), text).toBe(isFree);
        }),
        { seed: 20_261_129, numRuns: 60 },
      );
    },
  );
});
