import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScanner } from '../../src/generation/tool-calls/format.ts';
import { TOOL_CALL_FORMATS, type ToolCallFormat } from '../../src/generation/tool-calls/scanner.ts';
import { cpuMs } from '../cpu-time.ts';

const TOOLS = new Map<string, object | undefined>([
  [
    'add',
    {
      properties: {
        a: { type: 'integer' },
        b: { type: 'array' },
        c: { type: 'string' },
        d: { type: 'number' },
        e: { type: ['boolean', 'null'] },
        f: { anyOf: [{ type: 'object' }, { type: 'string' }] },
        g: { enum: [1, 'x'] },
      },
    },
  ],
  ['get_weather', undefined],
]);

/** Text, or a call with all its arguments. */
type Found = string | { readonly name: string; readonly arguments: string };

/** Neighbouring parts of one text or one call put together. */
function scan(format: ToolCallFormat, pieces: readonly string[]): Found[] {
  const scanner = createScanner(format, TOOLS);
  const found: Found[] = [];
  for (const part of [...pieces.flatMap((piece) => scanner.push(piece)), ...scanner.finish()]) {
    const last = found.at(-1);
    if (part.kind === 'call') found.push(call(part.name, ''));
    else if (part.kind === 'arguments') {
      if (typeof last !== 'object') throw new Error('arguments of no call');
      found[found.length - 1] = call(last.name, last.arguments + part.text);
    } else if (typeof last === 'string') found[found.length - 1] = last + part.text;
    else if (part.text !== '') found.push(part.text);
  }
  return found;
}

const call = (name: string, args: string): Found => ({ name, arguments: args });

const ADD = '{"name": "add", "arguments": {"a": 1, "b": [2, "}"]}}';

describe('the Hermes scanner', () => {
  it.each<[string, string, Found[]]>([
    ['plain text', ' Hello <b>\n', [' Hello <b>\n']],
    ['a call', `<tool_call>\n${ADD}\n</tool_call>`, [call('add', '{"a": 1, "b": [2, "}"]}')]],
    [
      'text and two calls, and drops the white space between them',
      `Let me see.\n<tool_call>${ADD}</tool_call>\n<tool_call>{"name":"get_weather","arguments":{}}</tool_call>\n`,
      ['Let me see.', call('add', '{"a": 1, "b": [2, "}"]}'), call('get_weather', '{}')],
    ],
    [
      'text behind a call',
      `<tool_call>${ADD}</tool_call>\nDone. `,
      [call('add', '{"a": 1, "b": [2, "}"]}'), 'Done.'],
    ],
    ['a call without arguments', '<tool_call>{"name": "add"}</tool_call>', [call('add', '{}')]],
    [
      'a call whose closing tag is missing',
      `<tool_call>${ADD}`,
      [call('add', '{"a": 1, "b": [2, "}"]}')],
    ],
    [
      'arguments written as a string',
      '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>',
      [call('add', '{"a": 1}')],
    ],
    [
      'numbers no double holds, as they are',
      '<tool_call>{"arguments": {"id": 12345678901234567890, "x": 1.0}, "name": "add"}</tool_call>',
      [call('add', '{"id": 12345678901234567890, "x": 1.0}')],
    ],
    [
      'a call that is cut, as far as it goes',
      'Hm <tool_call>{"name": "add", "arguments": {"a": 1',
      ['Hm', call('add', '{"a": 1')],
    ],
    [
      'a call whose arguments are wrong, as they are',
      '<tool_call>{"name": "add", "arguments": {"a": 1,,}}</tool_call> so',
      [call('add', '{"a": 1,,}'), 'so'],
    ],
  ])('reads %s', (_, input, parts) => {
    expect(scan('hermes', [input])).toEqual(parts);
  });

  it.each([
    ['a call that is cut before its arguments', '<tool_call>{"name": "add", "arg'],
    ['a name that comes last and is cut', '<tool_call>{"arguments": {"a": 1}, "name": "add"'],
    ['JSON that is wrong', 'Hm <tool_call>{"name": "add", arguments: 1}</tool_call> so'],
    ['a tool that was not offered', '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'],
    ['arguments that are no object', '<tool_call>{"name": "add", "arguments": [1]}</tool_call>'],
    ['a list', '<tool_call>[]</tool_call>'],
    ['half a tag', 'a <tool_c'],
    ['a closing tag alone', 'a </tool_call>'],
  ])('leaves %s as text', (_, input) => {
    expect(scan('hermes', [input])).toEqual([input]);
  });
});

describe('the Llama 3 scanner', () => {
  const LLAMA = '{"name": "add", "parameters": {"a": "\\"}{", "b": {}}}';

  it.each<[string, string, Found[]]>([
    ['a call', LLAMA, [call('add', '{"a": "\\"}{", "b": {}}')]],
    ['a call behind its tag', `<|python_tag|>${LLAMA}\n`, [call('add', '{"a": "\\"}{", "b": {}}')]],
    [
      'two calls',
      `${LLAMA}; {"name": "get_weather", "arguments": {}}`,
      [call('add', '{"a": "\\"}{", "b": {}}'), call('get_weather', '{}')],
    ],
    [
      'a call and then text',
      `${LLAMA} as I said`,
      [call('add', '{"a": "\\"}{", "b": {}}'), ' as I said'],
    ],
    [
      'text',
      ' I would say {"name": "add", "parameters": {}}',
      [' I would say {"name": "add", "parameters": {}}'],
    ],
    [
      'JSON that is an answer',
      '{"name": "Ada", "parameters": {}}\n',
      ['{"name": "Ada", "parameters": {}}\n'],
    ],
    ['a call that is cut', '{"name": "add", "parameters": {"a"', [call('add', '{"a"')]],
    ['what is cut before it is a call', '{"name": "add", "par', ['{"name": "add", "par']],
    ['half a tag', '<|pyth', ['<|pyth']],
    ['white space', ' \n', [' \n']],
  ])('reads %s', (_, input, parts) => {
    expect(scan('llama3_json', [input])).toEqual(parts);
  });
});

describe('the Qwen3-Coder scanner', () => {
  const write = (name: string, values: Record<string, string>) =>
    `<tool_call>\n<function=${name}>\n${Object.entries(values)
      .map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>\n`)
      .join('')}</function>\n</tool_call>`;

  it.each<[string, string, Found[]]>([
    ['plain text', ' Hello <b>\n', [' Hello <b>\n']],
    [
      'values by the types of the schema',
      write('add', {
        a: '12345678901234567890',
        b: '[1, "x"]',
        d: '-1.0',
        e: 'True',
        f: '{}',
        g: '1',
      }),
      [
        call(
          'add',
          '{"a": 12345678901234567890, "b": [1, "x"], "d": -1.0, "e": true, "f": {}, "g": 1}',
        ),
      ],
    ],
    [
      'values that are not of their type, as texts',
      write('add', { a: '1.5', b: '[1', d: 'x', e: 'yes', f: 'a b', h: '7' }),
      [call('add', '{"a": "1.5", "b": "[1", "d": "x", "e": "yes", "f": "a b", "h": "7"}')],
    ],
    [
      'texts of several lines, with what JSON escapes',
      write('add', { c: '\n  "a" < b\\\n\n</div>\n' }),
      [call('add', String.raw`{"c": "\n  \"a\" < b\\\n\n</div>\n"}`)],
    ],
    ['null', write('add', { a: 'null', c: 'NULL' }), [call('add', '{"a": null, "c": null}')]],
    [
      'a text that begins as null does',
      write('add', { c: 'nullify' }),
      [call('add', '{"c": "nullify"}')],
    ],
    ['an empty text', write('add', { c: '' }), [call('add', '{"c": ""}')]],
    [
      'text and two calls',
      `Let me see.\n${write('add', {})}\n${write('get_weather', { city: 'Köln' })}\n`,
      ['Let me see.', call('add', '{}'), call('get_weather', '{"city": "Köln"}')],
    ],
    [
      'a call without the outer tags',
      'So:\n<function=add><parameter=a>1</parameter></function> done',
      ['So:', call('add', '{"a": 1}'), 'done'],
    ],
    [
      'parameters without their ends',
      '<tool_call><function=add><parameter=c>\nx\n<parameter=a>2</function></tool_call>',
      [call('add', '{"c": "x", "a": 2}')],
    ],
    [
      'a call that is cut, as far as it goes',
      'Hm\n<tool_call>\n<function=add>\n<parameter=c>\nabc\n</para',
      ['Hm', call('add', '{"c": "abc')],
    ],
  ])('reads %s', (_, input, parts) => {
    expect(scan('qwen3_coder', [input])).toEqual(parts);
    expect(scan('qwen3_coder', [...input])).toEqual(parts);
  });

  it.each([
    ['a tool that was not offered', '<tool_call><function=rm></function></tool_call>'],
    ['a call that is cut in its name', 'a <tool_call>\n<function=ad'],
    ['JSON in the tags', `<tool_call>\n${ADD}\n</tool_call>`],
    ['half a tag', 'a <tool_c'],
    ['a closing tag alone', 'a </tool_call>'],
    ['tags too far from each other', `<tool_call>${' '.repeat(99)}<function=x>`],
    ['a name without an end', `<function=${'a'.repeat(300)}>`],
  ])('leaves %s as text', (_, input) => {
    expect(scan('qwen3_coder', [input])).toEqual([input]);
  });

  it('gives out a text as it comes', () => {
    const scanner = createScanner('qwen3_coder', TOOLS);
    expect(scanner.push('<function=add>\n<parameter=c>\nsome')).toEqual([
      { kind: 'call', name: 'add' },
      { kind: 'arguments', text: '{' },
      { kind: 'arguments', text: '"c": ' },
      { kind: 'arguments', text: '"some' },
    ]);
    expect(scanner.push(' "x"\n')).toEqual([{ kind: 'arguments', text: ' \\"x\\"' }]);
    expect(scanner.push('</parameter>')).toEqual([{ kind: 'arguments', text: '"' }]);
    expect(scanner.push('</function>')).toEqual([{ kind: 'arguments', text: '}' }]);
  });
});

describe.each(['hermes', 'llama3_json'] as const)('the %s scanner', (format) => {
  it('gives out arguments as they come, once a call has named its tool', () => {
    const scanner = createScanner(format, TOOLS);
    const before = format === 'hermes' ? '<tool_call>\n' : '';
    expect(scanner.push(`${before}{"name": "add", "arguments": `)).toEqual([]);
    expect(scanner.push('{"a"')).toEqual([
      { kind: 'call', name: 'add' },
      { kind: 'arguments', text: '{"a"' },
    ]);
    expect(scanner.push(': 12')).toEqual([{ kind: 'arguments', text: ': 12' }]);
    expect(scanner.push('}}')).toEqual([{ kind: 'arguments', text: '}' }]);
    expect(scanner.finish()).toEqual([]);
  });
});

describe.each(TOOL_CALL_FORMATS)('the %s scanner', (format) => {
  const piece = fc.oneof(
    fc.constantFrom(
      '<tool_call>',
      ...['<function=', '<function=add>', '</function>', '<parameter=', '<parameter=c>'],
      ...['</parameter>', 'null', 'a>'],
      '</tool_call>',
      '<|python_tag|>',
      ADD,
      ';',
      ' ',
      '\n',
      '{',
      '}',
      '"',
      '\\',
      '<',
      'x',
    ),
    fc.string({ maxLength: 5 }),
  );

  it('finds the same whatever pieces the text comes in', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(20)), (words, cuts) => {
        const whole = words.join('');
        const pieces: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(whole.slice(at, at + cut));
          at += cut;
        }
        pieces.push(whole.slice(at));
        expect(scan(format, pieces)).toEqual(scan(format, [whole]));
        expect(scan(format, [...whole])).toEqual(scan(format, [whole]));
      }),
      { numRuns: 2000 },
    );
  });

  it('loses nothing but what calls are made of', () => {
    fc.assert(
      fc.property(fc.string(), (anything) => {
        fc.pre(!anything.includes('name') && !anything.includes('<function='));
        expect(scan(format, [anything])).toEqual(anything === '' ? [] : [anything]);
      }),
    );
  });

  it('takes a long text in time linear to its length', () => {
    const scanner = createScanner(format, TOOLS);
    const opening = '<tool_call>{"name": "add", "arguments": {"a": "';
    const openings = {
      hermes: [opening],
      llama3_json: [opening.slice(11)],
      qwen3_coder: ['c', 'b'].map((key) => `<function=add><parameter=${key}>`),
    };
    const takenMs = cpuMs(() => {
      for (const before of openings[format]) {
        scanner.push(before);
        for (let count = 0; count < 200_000; count += 1) scanner.push('x < ');
        scanner.push('"}}</parameter></tool_call>');
      }
      scanner.finish();
    });
    expect(takenMs).toBeLessThan(3000);
  });
});
