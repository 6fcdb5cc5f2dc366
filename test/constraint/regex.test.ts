import { afterAll, describe, expect, it } from 'vitest';
import { readRegex } from '../../src/constraint/regex.ts';
import { cpuMs } from '../cpu-time.ts';
import { FORMAT_LIMITS } from '../generation/limits.ts';
import { seededRandom } from '../random.ts';
import { openConstraints, writeText } from './writer.ts';

const constraints = openConstraints();
afterAll(() => constraints.close());

describe('readRegex', () => {
  it.each([
    '[a-c]{2}|x?y+?',
    '(?:ab|c)*\\.\\d{1,3}',
    '^(?<word>\\w+) [^\\s\\d]$',
    '[\\]\\-^]+\\u0041[^a-z]',
    '.\\S\\D\\W[\\x41-\\x43]',
    '"\\\\/\\n?',
    '|a',
    '[ -~]{3}é',
  ])('is followed: %s', async (pattern) => {
    const random = seededRandom(3);
    const grammar = `root ::= ${readRegex(pattern, FORMAT_LIMITS)}`;
    const whole = new RegExp(`^(?:${pattern})$`, 'u');
    let ended = 0;
    for (let count = 0; count < 10; count += 1) {
      const text = await writeText(constraints, { type: 'grammar', grammar }, random);
      if (text === null) continue;
      ended += 1;
      expect(text).toMatch(whole);
    }
    expect(ended).toBeGreaterThan(3);
  });

  it.each([
    ['(a', /a \( without its \)/],
    ['a)', /a \) without its \(/],
    ['[a', /ends too early/],
    ['[z-a]', /a range without order/],
    ['*a', /\* with nothing to repeat/],
    ['(?=a)', /looks around/],
    ['(?i:a)', /sets flags/],
    ['(a)\\1', /\\1, which is not supported/],
    ['a\\b', /\\b, which is not supported/],
    ['a^b', /\^ in the middle/],
    ['(a$)', /\$ in the middle/],
    ['((a{200}){200}){2}', /repeats a part more than 10000 times/],
    ['('.repeat(200), /nested deeper than 64/],
    ['[]', /a set of characters that no text can have/],
  ])('refuses %s', (pattern, message) => {
    expect(() => readRegex(pattern, FORMAT_LIMITS)).toThrow(message);
  });

  it('has the bounds that it is given', () => {
    const limits = { maxNesting: 1, maxRepetitions: 9 };
    expect(readRegex('(a{3}){3}', limits)).toBe('("a"{3}){3}');
    expect(() => readRegex('((a))', limits)).toThrow('is nested deeper than 1');
    expect(() => readRegex('(a{2}){5}', limits)).toThrow('repeats a part more than 9 times');
  });

  it('takes a time for a class that grows with it, not with its square', () => {
    const apart = Array.from({ length: 26_000 }, (_, at) => String.fromCodePoint(0x100 + 2 * at));
    const takenMs = cpuMs(() =>
      expect(readRegex(`[${apart.join('')}]`, FORMAT_LIMITS)).toHaveLength(6 * apart.length + 2),
    );
    expect(takenMs).toBeLessThan(2000);
  });
});
