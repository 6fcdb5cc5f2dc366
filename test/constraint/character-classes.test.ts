// Classes of characters as XGrammar really reads them, against those of JavaScript.
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { spellClasses } from '../../src/constraint/character-classes.ts';
import { readRegex } from '../../src/constraint/regex.ts';
import { FORMAT_LIMITS } from '../generation/limits.ts';
import { accepts, acceptsBytes, openByteConstraints } from './byte-reader.ts';

const constraints = openByteConstraints();
afterAll(() => constraints.close());

/** Where the length of UTF-8 changes, what lies beside it, and what people write. */
const NOTABLE = [
  ...[
    0x7e, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xe8, 0xe9, 0xea, 0xff, 0x100, 0x7ff, 0x800, 0xfff, 0x1000,
  ],
  ...[0x2028, 0x20ac, 0x3042, 0xd7ff, 0xe000, 0xfeff, 0xffff, 0x10000, 0x1f600, 0x3ffff, 0x40000],
  ...[0xfffff, 0x100000, 0x10ffff],
];

const codePoint = fc
  .oneof(
    fc.constantFrom(...NOTABLE),
    fc.integer({ min: 0x20, max: 0x7e }),
    fc.integer({ min: 0x80, max: 0x10ffff }),
  )
  .filter((point) => point < 0xd800 || point > 0xdfff);

const member = fc.tuple(codePoint, codePoint).map(([one, other]) => {
  const [first, last] = [Math.min(one, other), Math.max(one, other)];
  return first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`;
});

const characterClass = fc
  .tuple(
    fc.constantFrom('', '^'),
    fc.array(
      fc.oneof({ weight: 4, arbitrary: member }, fc.constantFrom('\\s', '\\S', '\\W', '\\d')),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([sign, members]) => `[${sign}${members.join('')}]`)
  // One that is of no character at all is refused.
  .filter((source) =>
    [0x20, 0x41, ...NOTABLE].some((point) =>
      new RegExp(source, 'u').test(String.fromCodePoint(point)),
    ),
  );

function escaped(point: number): string {
  return `\\u{${point.toString(16)}}`;
}

describe('a class of a regular expression', () => {
  it('takes the characters that it takes in JavaScript, and no others', async () => {
    let [taken, left] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 5, arbitrary: characterClass }, fc.constantFrom('.', '\\S', '\\W')),
        fc.constantFrom('', '{2}', '+', '{130}'),
        fc.array(codePoint, { minLength: 4, maxLength: 8 }),
        async (source, quantifier, points) => {
          const grammar = `root ::= "<" ${readRegex(source + quantifier, FORMAT_LIMITS)} ">"`;
          const whole = new RegExp(`^<${source}${quantifier}>$`, 'u');
          for (const point of points) {
            const text = `<${String.fromCodePoint(point).repeat(quantifier === '{130}' ? 130 : 2)}>`;
            const isTaken = whole.test(text);
            if (isTaken) taken += 1;
            else left += 1;
            expect(await accepts(constraints, grammar, text), text).toBe(isTaken);
          }
        },
      ),
      {
        numRuns: 60,
        examples: [
          ['[^é]', '{2}', [0xe9, 0xe8]],
          ['.', '+', [0x2028, 0x80]],
        ],
      },
    );
    expect(Math.min(taken, left)).toBeGreaterThan(50);
  });
});

describe("a class of a client's own grammar", () => {
  it.each([
    ['[^é]', 'è', 'é'],
    ['[é-ü]', 'ü', 'ý'],
    [String.raw`[\u00e9\u20ac]`, '€', 'ê'],
    [String.raw`[^\U0001F600-\U0001F64F]`, '🙐', '😀'],
    [String.raw`[\xe9-]`, '-', 'è'],
    [String.raw`[^\]é]`, 'a', ']'],
    ['[é-é]', 'é', 'è'],
    ['[^é]{0,1}', 'e', 'é'],
  ])('%s takes %s and not %s', async (source, taken, left) => {
    const grammar = String.raw`root ::= "[é]"${source}${source}* more? # [^é] [
more ::= "\"[" [^é]`;
    expect(await accepts(constraints, grammar, `[é]${taken}${taken}`)).toBe(true);
    expect(await accepts(constraints, grammar, `[é]${taken}${left}`)).toBe(false);
  });

  it('stays as it is where it is of ASCII, or no class', () => {
    const broken = String.raw`root ::= [é-a] [\qé]`;
    for (const grammar of ['root ::= [a-z] [a-z]*', 'root ::= "[é]" # [^é]', broken]) {
      expect(spellClasses(grammar)).toBe(grammar);
    }
  });

  it.each([
    ['[^é]{3}', 3, 3],
    ['[^é]{2,}', 2, 500],
    ['[^é]{0,250}', 0, 250],
    ['[^é]{120,250}', 120, 250],
    ['[^é]{0,0}', 0, 0],
  ])('%s comes as often as it says', async (source, least, most) => {
    const grammar = `root ::= "<" ${source} ">"`;
    const isTaken = (count: number) =>
      accepts(constraints, grammar, `<${'ü'.repeat(Math.max(0, count))}>`);
    expect(await isTaken(least)).toBe(true);
    expect(await isTaken(most)).toBe(true);
    expect(await isTaken(most + 1)).toBe(source.endsWith(',}'));
    if (least > 0) expect(await isTaken(least - 1)).toBe(false);
  });

  it('becomes a rule whose name the grammar does not have', () => {
    const grammar = 'root ::= [^é] characters_0\ncharacters_0 ::= "a"';
    expect(spellClasses(grammar)).toMatch(/^root ::= \(characters__0\) characters_0\n/);
  });
});

describe('bytes that are no character', () => {
  /** Longer than they need to be, half a surrogate pair, beyond Unicode, and a beginning alone. */
  it.each([
    ['c080'],
    ['c1bf'],
    ['e08080'],
    ['eda080'],
    ['f0808080'],
    ['f4908080'],
    ['f5808080'],
    ['ff'],
    ['c361'],
  ])('%s are in no class', async (hex) => {
    for (const body of ['[^a]{1,9}', '[^"]*', '[^é]+', '[^a-z]{4}']) {
      const grammar = `root ::= "<" ${body} ">"`;
      const bytes = Buffer.from(`<${'!'.repeat(body.endsWith('{4}') ? 3 : 0)}`);
      const text = Buffer.concat([bytes, Buffer.from(hex, 'hex'), Buffer.from('>')]);
      expect(await acceptsBytes(constraints, grammar, text), body).toBe(false);
    }
  });
});
