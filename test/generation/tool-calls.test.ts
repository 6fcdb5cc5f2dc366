import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScanner } from '../../src/generation/tool-calls/format.ts';
import {
  type AnswerPart,
  TOOL_CALL_FORMATS,
  type ToolCallFormat,
} from '../../src/generation/tool-calls/scanner.ts';

const TOOLS = new Set(['add', 'get_weather']);

function scan(format: ToolCallFormat, pieces: readonly string[]): AnswerPart[] {
  const scanner = createScanner(format, TOOLS);
  const parts = [...pieces.flatMap((piece) => scanner.push(piece)), ...scanner.finish()];
  return parts.reduce<AnswerPart[]>((merged, part) => {
    const last = merged.at(-1);
    if (part.kind === 'text' && last?.kind === 'text') {
      merged[merged.length - 1] = { kind: 'text', text: last.text + part.text };
    } else if (part.kind === 'call' || part.text !== '') merged.push(part);
    return merged;
  }, []);
}

const text = (value: string): AnswerPart => ({ kind: 'text', text: value });
const call = (name: string, args: string): AnswerPart => ({
  kind: 'call',
  call: { name, arguments: args },
});

const ADD = '{"name": "add", "arguments": {"a": 1, "b": [2, "}"]}}';

describe('the Hermes scanner', () => {
  it.each<[string, string, AnswerPart[]]>([
    ['plain text', ' Hello <b>\n', [text(' Hello <b>\n')]],
    ['a call', `<tool_call>\n${ADD}\n</tool_call>`, [call('add', '{"a": 1, "b": [2, "}"]}')]],
    [
      'text and two calls, and drops the white space between them',
      `Let me see.\n<tool_call>${ADD}</tool_call>\n<tool_call>{"name":"get_weather","arguments":{}}</tool_call>\n`,
      [text('Let me see.'), call('add', '{"a": 1, "b": [2, "}"]}'), call('get_weather', '{}')],
    ],
    [
      'text behind a call',
      `<tool_call>${ADD}</tool_call>\nDone. `,
      [call('add', '{"a": 1, "b": [2, "}"]}'), text('Done.')],
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
  ])('reads %s', (_, input, parts) => {
    expect(scan('hermes', [input])).toEqual(parts);
  });

  it.each([
    ['JSON that is cut', '<tool_call>{"name": "add", "arguments": {"a": 1'],
    ['JSON that is wrong', 'Hm <tool_call>{"name": "add", arguments: 1}</tool_call> so'],
    ['a tool that was not offered', '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'],
    ['arguments that are no object', '<tool_call>{"name": "add", "arguments": [1]}</tool_call>'],
    ['a list', '<tool_call>[]</tool_call>'],
    ['half a tag', 'a <tool_c'],
    ['a closing tag alone', 'a </tool_call>'],
  ])('leaves %s as text', (_, input) => {
    expect(scan('hermes', [input])).toEqual([text(input)]);
  });
});

describe('the Llama 3 scanner', () => {
  const LLAMA = '{"name": "add", "parameters": {"a": "\\"}{", "b": {}}}';

  it.each<[string, string, AnswerPart[]]>([
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
      [call('add', '{"a": "\\"}{", "b": {}}'), text(' as I said')],
    ],
    [
      'text',
      ' I would say {"name": "add", "parameters": {}}',
      [text(' I would say {"name": "add", "parameters": {}}')],
    ],
    [
      'JSON that is an answer',
      '{"name": "Ada", "parameters": {}}\n',
      [text('{"name": "Ada", "parameters": {}}\n')],
    ],
    [
      'what is cut',
      '{"name": "add", "parameters": {"a"',
      [text('{"name": "add", "parameters": {"a"')],
    ],
    ['half a tag', '<|pyth', [text('<|pyth')]],
    ['white space', ' \n', [text(' \n')]],
  ])('reads %s', (_, input, parts) => {
    expect(scan('llama3_json', [input])).toEqual(parts);
  });
});

describe.each(TOOL_CALL_FORMATS)('the %s scanner', (format) => {
  const piece = fc.oneof(
    fc.constantFrom(
      '<tool_call>',
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
        fc.pre(!anything.includes('name'));
        expect(scan(format, [anything])).toEqual(anything === '' ? [] : [text(anything)]);
      }),
    );
  });

  it('takes a long text in time linear to its length', () => {
    const scanner = createScanner(format, TOOLS);
    const opening = '<tool_call>{"name": "add", "arguments": {"a": "';
    const start = performance.now();
    scanner.push(format === 'hermes' ? opening : opening.slice(11));
    for (let count = 0; count < 200_000; count += 1) scanner.push('x < ');
    scanner.push('"}}</tool_call>');
    scanner.finish();
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
