import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type JsonSchema, jsonGrammar } from '../../src/constraint/json-grammar.ts';
import { cpuMs } from '../cpu-time.ts';
import { FORMAT_LIMITS } from '../generation/limits.ts';
import { seededRandom } from '../random.ts';
import { openConstraints, writeText } from './writer.ts';

const constraints = openConstraints();
afterAll(() => constraints.close());

const ajv = new Ajv2020({ strict: false, validateFormats: false });

async function texts(schema: JsonSchema, seed: number, count = 3): Promise<string[]> {
  const random = seededRandom(seed);
  const format = { type: 'grammar', grammar: jsonGrammar(schema, FORMAT_LIMITS) } as const;
  const written: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const text = await writeText(constraints, format, random);
    if (text !== null) written.push(text);
  }
  return written;
}

const scalar: fc.Arbitrary<JsonSchema> = fc.oneof(
  fc.constantFrom<JsonSchema>(
    { type: 'boolean' },
    { type: 'null' },
    { type: 'integer' },
    { type: 'number' },
    { type: ['string', 'null'], maxLength: 5 },
    { type: 'string', pattern: '^[a-z"\\\\]{2,6}$' },
    { type: 'string', pattern: '(.|\\s|[^a])[^"x-z]?' },
    { type: 'string', pattern: '[ -~]+\\W' },
    { type: 'string', format: 'date' },
    { type: 'string', format: 'email' },
    true,
  ),
  fc
    .tuple(fc.integer({ min: -1200, max: 1200 }), fc.nat(150))
    .map(([minimum, width]) => ({ type: 'integer', minimum, maximum: minimum + width })),
  fc
    .integer({ min: -50, max: 50 })
    .map((exclusiveMinimum) => ({ type: 'integer', exclusiveMinimum })),
  fc
    .tuple(fc.integer({ min: -120, max: 120 }), fc.integer({ min: 1, max: 90 }))
    .map(([low, width]) => ({ type: 'number', minimum: low / 8, maximum: (low + width) / 8 })),
  fc
    .tuple(fc.nat(4), fc.nat(4))
    .map(([minLength, more]) => ({ type: 'string', minLength, maxLength: minLength + more })),
  fc
    .uniqueArray(fc.oneof(fc.string({ maxLength: 6 }), fc.integer(), fc.constant(null)), {
      minLength: 1,
      maxLength: 4,
    })
    .map((values) => ({ enum: values })),
  fc.string({ maxLength: 8 }).map((value) => ({ const: value })),
);

const { schema: small } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    scalar,
    fc
      .tuple(
        fc.dictionary(fc.constantFrom('a', 'b c', 'dé', '"', '__x'), tie('schema'), { maxKeys: 3 }),
        fc.boolean(),
      )
      .map(([properties, isRequired]) => ({
        type: 'object',
        properties,
        required: isRequired ? Object.keys(properties) : [],
        additionalProperties: false,
      })),
    tie('schema').map((items) => ({ type: 'array', items, minItems: 1, maxItems: 3 })),
    fc
      .array(tie('schema'), { minLength: 1, maxLength: 2 })
      .map((prefixItems) => ({ type: 'array', prefixItems, items: false })),
    tie('schema').map((additionalProperties) => ({ type: 'object', additionalProperties })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}));

describe('jsonGrammar', () => {
  it('gives grammars whose texts are all valid by the schema', async () => {
    let checked = 0;
    await fc.assert(
      fc.asyncProperty(small, fc.nat(1e6), async (schema, seed) => {
        const isValid = ajv.compile(schema as object);
        for (const text of await texts(schema, seed)) {
          checked += 1;
          expect(isValid(JSON.parse(text)), text).toBe(true);
        }
      }),
      { numRuns: 120 },
    );
    expect(checked).toBeGreaterThan(150);
  });

  it('follows references, of a schema to itself too', async () => {
    const schema = {
      $ref: '#/$defs/tree',
      $defs: {
        tree: {
          type: 'object',
          properties: {
            value: { type: 'integer', minimum: 0, maximum: 9 },
            next: { anyOf: [{ $ref: '#/$defs/tree' }, { type: 'null' }] },
          },
          required: ['value', 'next'],
        },
      },
    };
    const written = await texts(schema, 5, 8);
    expect(written.length).toBeGreaterThan(4);
    for (const text of written) expect(ajv.validate(schema, JSON.parse(text)), text).toBe(true);
  });

  it('takes oneOf where no value can be of two', async () => {
    const kind = (name: string) => ({
      type: 'object',
      properties: { kind: { const: name }, size: { type: 'integer', minimum: 1, maximum: 3 } },
      required: ['kind', 'size'],
    });
    const schema = { oneOf: [kind('cat'), kind('dog')] };
    for (const text of await texts(schema, 6)) {
      expect(ajv.validate(schema, JSON.parse(text)), text).toBe(true);
    }
    expect(() => jsonGrammar({ oneOf: [kind('cat'), kind('cat')] }, FORMAT_LIMITS)).toThrow(
      /may overlap/,
    );
  });

  const told = (name: unknown, type?: string) => ({
    ...(type === undefined ? {} : { type }),
    properties: { kind: { enum: [name] } },
    required: ['kind'],
  });

  it.each<[string, JsonSchema[]]>([
    ['of different types', [{ type: 'string' }, { type: 'null' }, { type: 'number' }]],
    ['objects that a property tells apart', [told(1), told('1'), told(null)]],
    ['both', [told('a', 'object'), told('b', 'object'), { type: 'null' }]],
    ['one alone', [true]],
  ])('takes oneOf of schemas that are %s', (_, oneOf) => {
    expect(() => jsonGrammar({ oneOf }, FORMAT_LIMITS)).not.toThrow();
  });

  it.each<[string, JsonSchema[]]>([
    ['an integer is a number', [{ type: 'integer' }, { type: 'number' }]],
    ['strings have no properties', [told('a', 'string'), told('b', 'string')]],
    ['without a type it takes null too', [told('a'), { type: 'null' }]],
    ['nothing is said', [{}, { type: 'null' }]],
    ['not all require it', [told('a', 'object'), { ...told('b', 'object'), required: [] }]],
  ])('refuses oneOf where %s', (_, oneOf) => {
    expect(() => jsonGrammar({ oneOf }, FORMAT_LIMITS)).toThrow(/may overlap/);
  });

  it('takes a time for oneOf that grows with its options, not with their pairs', () => {
    const oneOf = Array.from({ length: 5000 }, (_, at) => told(at, 'object'));
    expect(cpuMs(() => jsonGrammar({ oneOf }, FORMAT_LIMITS))).toBeLessThan(2000);
  });

  it('knows no format by the names that every object has', () => {
    for (const format of ['constructor', 'toString', '__proto__']) {
      expect(() => jsonGrammar({ type: 'string', format }, FORMAT_LIMITS)).toThrow(
        /those supported are date/,
      );
    }
  });

  it.each<[JsonSchema, RegExp]>([
    [{ type: 'integer', multipleOf: 3 }, /has "multipleOf", which is not supported \(at #\)/],
    [
      { type: 'object', properties: { a: { type: 'array', uniqueItems: true } } },
      /"uniqueItems", which is not supported \(at #\/properties\/a\)/,
    ],
    [{ not: {} }, /"not"/],
    [{ type: 'object', properties: {}, patternProperties: {} }, /"patternProperties"/],
    [{ anyOf: [{ type: 'string' }], type: 'string' }, /has "type" beside "anyOf"/],
    [{ allOf: [{ type: 'string' }, { maxLength: 2 }] }, /"allOf" of more than one schema/],
    [{ enum: ['a', 1], type: 'string' }, /has the value 1, not of its "type"/],
    [{ $ref: 'https://example.org/schema' }, /"\$ref" that does not begin with #/],
    [{ $ref: '#/$defs/a' }, /refers to #\/\$defs\/a, which is not in its \$defs/],
    [{ type: 'string', format: 'iri' }, /the format "iri"; those supported are date/],
    [{ type: 'string', pattern: 'a(?=b)' }, /a "pattern" that looks around/],
    [{ type: 'string', pattern: 'a', maxLength: 3 }, /more than one of "pattern"/],
    [{ type: 'object', required: ['a'] }, /requires "a", which is not in its properties/],
    [{ type: 'integer', minimum: 3.2, maximum: 3.8 }, /allows no integer/],
    [{ type: 'array', minItems: 3, maxItems: 2 }, /"minItems" above its "maxItems"/],
    [{ type: 'text' }, /a "type" that is not one of object/],
    [{ properties: { a: false } }, /must be an object or true \(at #\/properties\/a\)/],
  ])('refuses %j, saying what and where', (schema, message) => {
    expect(() => jsonGrammar(schema, FORMAT_LIMITS)).toThrow(message);
  });
});
