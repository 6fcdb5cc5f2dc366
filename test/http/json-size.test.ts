import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exceededLimit } from '../../src/http/json-size.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function countOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  const inside = Object.values(value);
  return 1 + (inside.length === 0 ? 1 : inside.reduce((sum, item) => sum + countOf(item), 0));
}

describe('the size of JSON', () => {
  it('is that of the value it is of, whatever its strings hold', () => {
    const awkward = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a') });
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'large' },
        awkward,
        fc.integer(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(awkward, tie('value'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 2), (given, indent) => {
        const text = JSON.stringify(given, null, indent);
        const depth = depthOf(given);
        const values = countOf(given);
        expect(exceededLimit(text, { depth, values })).toBe(null);
        if (depth > 0) expect(exceededLimit(text, { depth: depth - 1, values })).toBe('depth');
        if (values > 1) expect(exceededLimit(text, { depth, values: values - 1 })).toBe('values');
      }),
    );
  });
});
