import { afterAll, describe, expect, it } from 'vitest';
import { callFormat } from '../../src/generation/tool-calls/call-format.ts';
import { createScanner } from '../../src/generation/tool-calls/format.ts';
import { TOOL_CALL_FORMATS } from '../../src/generation/tool-calls/scanner.ts';
import { openConstraints, writeText } from '../constraint/writer.ts';
import { seededRandom } from '../random.ts';

const constraints = openConstraints();
afterAll(() => constraints.close());

const tools = [
  {
    type: 'function' as const,
    function: {
      name: 'turn',
      parameters: {
        type: 'object',
        properties: { by: { type: 'integer', minimum: -9, maximum: 9 } },
        required: ['by'],
      },
    },
  },
  { type: 'function' as const, function: { name: 'stop' } },
];
const names = new Set(['turn', 'stop']);
const forced = { isForced: true, onlyOne: true, strict: new Set<string>() };

describe('callFormat', () => {
  it.each(TOOL_CALL_FORMATS)('forces calls that the scanner of %s reads', async (format) => {
    const random = seededRandom(2);
    const text = callFormat(format, tools, forced);
    if (text === null) throw new Error('no format');
    const called = new Set<string>();
    for (let count = 0; count < 12; count += 1) {
      const written = await writeText(constraints, text, random);
      const scanner = createScanner(format, names);
      const parts = [...scanner.push(written ?? ''), ...scanner.finish()];
      expect(parts).toHaveLength(1);
      const [part] = parts;
      if (part?.kind !== 'call') throw new Error(`no call: ${written}`);
      called.add(part.call.name);
      const { by, ...others } = JSON.parse(part.call.arguments) as { by?: number };
      expect(others).toEqual({});
      if (part.call.name === 'turn') expect(Math.abs(by ?? 99)).toBeLessThan(10);
    }
    expect(called).toEqual(names);
  });

  it('lets several calls follow each other where they may', () => {
    expect(callFormat('hermes', tools, { ...forced, onlyOne: false })).toMatchObject({
      type: 'tags_with_separator',
      at_least_one: true,
    });
  });

  it('leaves text free but for the calls of strict tools', () => {
    const free = { isForced: false, onlyOne: false, strict: new Set<string>() };
    expect(callFormat('hermes', tools, free)).toBeNull();
    expect(callFormat('hermes', tools, { ...free, strict: new Set(['turn']) })).toMatchObject({
      type: 'triggered_tags',
      triggers: ['<tool_call>'],
    });
  });

  it('takes a schema that cannot be kept to for a hint, unless its tool is strict', () => {
    const odd = { type: 'function' as const, function: { name: 'odd', parameters: { not: {} } } };
    expect(callFormat('hermes', [odd], forced)).toMatchObject({ type: 'or' });
    expect(() => callFormat('hermes', [odd], { ...forced, strict: new Set(['odd']) })).toThrow(
      expect.objectContaining({ param: 'tools', message: expect.stringContaining('"not"') }),
    );
  });
});
