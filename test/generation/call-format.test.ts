import { afterAll, describe, expect, it } from 'vitest';
import type { TextFormat } from '../../src/constraint/text-format.ts';
import { type CallDemand, callFormat } from '../../src/generation/tool-calls/call-format.ts';
import { createScanner } from '../../src/generation/tool-calls/format.ts';
import {
  type AnswerPart,
  TOOL_CALL_FORMATS,
  type ToolCallFormat,
} from '../../src/generation/tool-calls/scanner.ts';
import { accepts, openByteConstraints } from '../constraint/byte-reader.ts';
import { openConstraints, writeText } from '../constraint/writer.ts';
import { seededRandom } from '../random.ts';
import { FORMAT_LIMITS } from './limits.ts';

const constraints = openConstraints();
const bytes = openByteConstraints();
afterAll(() => Promise.all([constraints.close(), bytes.close()]));

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
const offered = new Map(
  tools.map(({ function: { name, ...rest } }) => [
    name,
    'parameters' in rest ? rest.parameters : undefined,
  ]),
);
const forced = { isForced: true, onlyOne: true, strict: new Set<string>(), limits: FORMAT_LIMITS };

function formatOf(format: ToolCallFormat, demand: CallDemand): TextFormat {
  const text = callFormat(format, tools, demand);
  if (text === null) throw new Error('no format');
  return text;
}

function read(format: ToolCallFormat, text: string): AnswerPart[] {
  const scanner = createScanner(format, offered);
  return [...scanner.push(text), ...scanner.finish()];
}

function argumentsOf(parts: readonly AnswerPart[]): string {
  return parts.map((part) => (part.kind === 'arguments' ? part.text : 'no argument')).join('');
}

describe('callFormat', () => {
  it.each(TOOL_CALL_FORMATS)('forces calls that the scanner of %s reads', async (format) => {
    const random = seededRandom(2);
    const text = formatOf(format, forced);
    const called = new Set<string>();
    for (let count = 0; count < 12; count += 1) {
      const written = await writeText(constraints, text, random);
      const [call, ...others] = read(format, written ?? '');
      if (call?.kind !== 'call') throw new Error(`no call: ${written}`);
      called.add(call.name);
      const { by, ...unasked } = JSON.parse(argumentsOf(others)) as { by?: number };
      expect(unasked).toEqual({});
      if (call.name === 'turn') expect(Math.abs(by ?? 99)).toBeLessThan(10);
    }
    expect(called).toEqual(names);
  });

  it.each(TOOL_CALL_FORMATS)(
    'lets several calls of %s follow each other where they may',
    async (format) => {
      const random = seededRandom(4);
      const text = formatOf(format, { ...forced, onlyOne: false });
      const counts = new Set<number>();
      for (let count = 0; count < 12; count += 1) {
        const written = await writeText(constraints, text, random);
        const parts = read(format, written ?? '');
        expect(parts.every(({ kind }) => kind !== 'text')).toBe(true);
        counts.add(parts.filter(({ kind }) => kind === 'call').length);
      }
      expect(Math.max(...counts)).toBeGreaterThan(1);
    },
  );

  it('leaves text free but for the calls of strict tools', () => {
    const free = {
      isForced: false,
      onlyOne: false,
      strict: new Set<string>(),
      limits: FORMAT_LIMITS,
    };
    expect(callFormat('hermes', tools, free)).toBeNull();
    expect(callFormat('llama3_json', tools, free)).toBeNull();
    expect(callFormat('hermes', tools, { ...free, strict: new Set(['turn']) })).toMatchObject({
      type: 'triggered_tags',
      triggers: ['<tool_call>'],
    });
  });

  it.each(TOOL_CALL_FORMATS)('can be one of several forms of a text: %s', async (format) => {
    const calls = formatOf(format, { ...forced, onlyOne: false });
    const other = { type: 'grammar', grammar: 'root ::= "an answer"' } as const;
    const both: TextFormat = { type: 'or', elements: [other, calls] };
    expect(await accepts(bytes, both, 'an answer')).toBe(true);
    const call = {
      hermes: '<tool_call>\n{"name": "turn", "arguments": {"by": 7}}\n</tool_call>',
      llama3_json: '{"name": "turn", "parameters": {"by": 7}}',
      qwen3_coder:
        '<tool_call>\n<function=turn>\n<parameter=by>\n7\n</parameter>\n</function>\n</tool_call>',
    }[format];
    expect(await accepts(bytes, both, call)).toBe(true);
    expect(await accepts(bytes, both, `${call}an answer`)).toBe(false);
  });

  it("holds what begins as Llama's calls do to the schemas of strict tools, and leaves all other text free", async () => {
    const strict = {
      isForced: false,
      onlyOne: true,
      strict: new Set(['turn']),
      limits: FORMAT_LIMITS,
    };
    const format = formatOf('llama3_json', strict);
    for (const text of ['', ' ', 'Hi {', '\n<b>é', '<|pyth', '<|python_tag|', ': {"name": 1}']) {
      expect(await accepts(bytes, format, text), text).toBe(true);
    }
    expect(await accepts(bytes, format, '{"name": "turn", "parameters": {"by": 7}}')).toBe(true);
    for (const text of [
      '{"name": "turn", "parameters": {"by": 77}}',
      '\u00a0{"name": "turn", "parameters": {}}',
      '<|python_tag|>{"name": "turn", "parameters": {}}',
      '{}',
    ]) {
      expect(await accepts(bytes, format, text), text).toBe(false);
    }
  });

  it('takes a schema that cannot be kept to for a hint, unless its tool is strict', () => {
    const odd = { type: 'function' as const, function: { name: 'odd', parameters: { not: {} } } };
    expect(callFormat('hermes', [odd], forced)).toMatchObject({ type: 'grammar' });
    expect(() => callFormat('hermes', [odd], { ...forced, strict: new Set(['odd']) })).toThrow(
      expect.objectContaining({ param: 'tools', message: expect.stringContaining('"not"') }),
    );
  });

  describe('of Qwen3-Coder', () => {
    const write = {
      type: 'function' as const,
      function: {
        name: 'write',
        parameters: {
          type: 'object',
          properties: {
            text: { type: 'string' },
            mode: { enum: ['new', 'add'] },
            lines: { $ref: '#/$defs/lines' },
          },
          required: ['text'],
          $defs: { lines: { type: 'array', items: { type: 'integer' } } },
        },
      },
    };
    const body = (parameters: string) => `<function=write>\n${parameters}</function>`;
    const parameter = (key: string, value: string) =>
      `<parameter=${key}>\n${value}\n</parameter>\n`;
    const strict = { ...forced, isForced: false, strict: new Set(['write']) };

    it.each<[boolean, string]>([
      [true, parameter('text', 'if (a < b) {\n  "</p>"\n}\n<param')],
      [true, parameter('text', '') + parameter('mode', 'add') + parameter('lines', '[1, 2]')],
      [false, parameter('mode', 'add')],
      [false, parameter('text', 'a') + parameter('mode', 'old')],
      [false, parameter('text', 'a') + parameter('lines', '["1"]')],
      [false, parameter('text', 'a') + parameter('other', 'b')],
      [false, parameter('text', 'a </function> b')],
    ])(
      'holds strict calls to their schema, with outer tags and without: %j, %j',
      async (is, given) => {
        const format = callFormat('qwen3_coder', [write], strict);
        if (format === null) throw new Error('no format');
        const call = body(given);
        expect(await accepts(bytes, format, `So: ${call}`)).toBe(is);
        expect(await accepts(bytes, format, `<tool_call>\n${call}\n</tool_call>`)).toBe(is);
      },
    );

    it('cannot hold plain text to a pattern', () => {
      const parameters = { type: 'object', properties: { at: { type: 'string', pattern: 'a+' } } };
      const tool = { type: 'function' as const, function: { name: 'write', parameters } };
      expect(() => callFormat('qwen3_coder', [tool], strict)).toThrow(/has "pattern"/);
      expect(callFormat('qwen3_coder', [tool], forced)).toMatchObject({ type: 'grammar' });
    });
  });
});
