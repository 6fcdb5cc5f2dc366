import { afterAll, describe, expect, it } from 'vitest';
import { readRegex } from '../../src/constraint/regex.ts';
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
    const grammar = `root ::= ${readRegex(pattern)}`;
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
    ['('.repeat(200), /nested deeper than 100/],
    ['[]', /a set of characters that no text can have/],
  ])('refuses %s', (pattern, message) => {
    expect(() => readRegex(pattern)).toThrow(message);
  });

  it('takes a time for a class that grows with it, not with its square', () => {
    const apart = Array.from({ length: 26_000 }, (_, at) => String.fromCodePoint(0x100 + 2 * at));
    const start = performance.now();
    expect(readRegex(`[${apart.join('')}]`)).toHaveLength(6 * apart.length + 2);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
