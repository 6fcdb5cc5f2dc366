import { describe, expect, it } from 'vitest';
import { ServerError } from '../../src/errors.ts';
import { createChatTemplate, loadChatTemplate } from '../../src/generation/chat-template.ts';
import type { Conversation } from '../../src/generation/conversation.ts';
import { loadTokenizer } from '../../src/generation/tokenizer.ts';
import { detectToolCallFormat } from '../../src/generation/tool-calls/format.ts';
import { cpuMs } from '../cpu-time.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';
import { MAX_TEMPLATE_CHARS, TEMPLATE_LIMITS } from './limits.ts';

const TOOL = { type: 'function', function: { name: 'f' } } as const;

function conversation(own: Partial<Conversation> = {}): Conversation {
  return {
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    continuesFinalMessage: false,
    addsGenerationPrompt: true,
    variables: {},
    ...own,
  };
}

/** In any time, unless the limits are the test's. */
function render(source: string, own: Partial<Conversation> = {}, limits: object = {}): string {
  const config = { bos_token: '<s>', eos_token: { content: '</s>' } };
  return createChatTemplate(source, config, MAX_TEMPLATE_CHARS).render(conversation(own), {
    ...TEMPLATE_LIMITS,
    timeoutMs: 60_000,
    maxCharacters: 1000,
    ...limits,
  });
}

describe('a chat template', () => {
  it('gets messages, special tokens and the generation prompt, as in Transformers', () => {
    const source =
      '{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}A{% endif %}';
    expect(render(source)).toBe('<s>user:Hi</s>A');
    expect(render(source, { addsGenerationPrompt: false })).toBe('<s>user:Hi</s>');
  });

  it('has tools that are none where there are none', () => {
    expect(render('{{ tools is none }}')).toBe('true');
    expect(render('{{ tools[0] | tojson }}', { tools: [TOOL] })).toBe(
      '{"type": "function", "function": {"name": "f"}}',
    );
  });

  it('is chosen by name where there are several', () => {
    const template = createChatTemplate(
      [
        { name: 'default', template: 'plain' },
        { name: 'tool_use', template: 'tools' },
      ],
      {},
      MAX_TEMPLATE_CHARS,
    );
    const limits = { ...TEMPLATE_LIMITS, maxCharacters: 100 };
    expect(template.render(conversation(), limits)).toBe('plain');
    expect(template.render(conversation({ tools: [TOOL] }), limits)).toBe('tools');
  });

  it('sees a developer as the system unless it knows developers', () => {
    const messages = [{ role: 'developer', content: '' }];
    expect(render('{{ messages[0].role }}', { messages })).toBe('system');
    expect(render('{# developer #}{{ messages[0].role }}', { messages })).toBe('developer');
  });

  it('knows the date', () => {
    expect(render('{{ strftime_now("%d %b %Y %H:%M:%S %B %a %A %% %q") }}')).toMatch(
      /^\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [A-Z]\w+ [A-Z]\w\w [A-Z]\w+day % %q$/,
    );
  });

  it('takes variables, which cannot stand in for what it is given', () => {
    const variables = { enable_thinking: false, bos_token: 'mine' };
    expect(render('{{ enable_thinking }}{{ bos_token }}', { variables })).toBe('false<s>');
  });

  it.each([
    ['Hello', 'A:Hello'],
    ['Hello ', 'A:Hello '],
  ])('ends where the last message %j ends when that is continued', (content, text) => {
    const messages = [{ role: 'assistant', content }];
    const source = '{% for m in messages %}A:{{ m.content }}</end>{% endfor %}';
    expect(render(source, { messages, continuesFinalMessage: true })).toBe(text);
  });

  it('refuses in its own words', () => {
    expect(() => render('{{ raise_exception("no system") }}')).toThrowError(/refuses.*no system/);
  });

  it.each([
    [
      'loops over too much',
      '{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}',
    ],
    ['asks for an endless range', '{% for i in range(10**9) %}{% endfor %}'],
    ['asks for a large range', '{% for i in range(99999999999) %}{% endfor %}'],
    [
      'doubles a text for ever',
      '{% set ns = namespace(s="xx") %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
    ],
    [
      'is slow',
      '{% set t = namespace(s="x,") %}{% for i in range(8) %}{% set t.s = t.s + t.s %}{% endfor %}{% for i in range(9999) %}{% for j in range(9999) %}{% set a = t.s.split(",") %}{% endfor %}{% endfor %}',
    ],
    ['writes too much', '{% for i in range(2000) %}x{% endfor %}'],
    ['calls itself', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
    ['uses what is not there', '{{ nothing.at.all() }}'],
  ])('that %s is a bad request, soon', (_, source) => {
    const takenMs = cpuMs(() =>
      expect(() => render(source, {}, TEMPLATE_LIMITS)).toThrowError(ServerError),
    );
    expect(takenMs).toBeLessThan(6000);
  });

  it('has the bounds that it is given', () => {
    expect(() => createChatTemplate('abcd', {}, 3)).toThrow('4 characters; at most 3 are taken');
    const template = createChatTemplate('{% for i in range(4) %}x{% endfor %}', {}, 100);
    const rendered = (maxSteps: number) =>
      template.render(conversation(), { maxSteps, timeoutMs: 1000, maxCharacters: 9 });
    expect(rendered(100)).toBe('xxxx');
    expect(() => rendered(5)).toThrow('it takes more than 5 steps');
    expect(() => rendered(3)).toThrow('it asks for a range of more than 3');
  });

  it('has room for a long conversation', () => {
    const messages = Array.from({ length: 2000 }, () => ({ role: 'user', content: 'x' }));
    const source =
      '{% for m in messages %}{% if m.role == "user" and not loop.first %}{{ "<" + m.role + ">" + m.content | trim }}{% elif m.tool_calls %}-{% endif %}{% endfor %}';
    expect(render(source, { messages }, { maxCharacters: 65_536 })).toHaveLength(1999 * 7);
  });

  it('that cannot be read, or is too large, stops the start', () => {
    expect(() => createChatTemplate('{% for %}', {}, MAX_TEMPLATE_CHARS)).toThrowError(
      /cannot be read/,
    );
    expect(() => createChatTemplate('x'.repeat(300_000), {}, MAX_TEMPLATE_CHARS)).toThrowError(
      /300000/,
    );
  });

  it.each([
    ['tools <tool_call>', 'hermes'],
    ['tools <tool_call><function=', null],
    ['tools <tool_call><function=NAME><parameter=KEY>', 'qwen3_coder'],
    ['tools <|python_tag|>', 'llama3_json'],
    ['<tool_call>', null],
    ['tools', null],
  ])('that says %j calls tools as %s', (source, format) => {
    expect(detectToolCallFormat(createChatTemplate(source, {}, MAX_TEMPLATE_CHARS))).toBe(format);
  });

  it('is not there for a policy that has none', async () => {
    const { config } = await loadTokenizer(tinyPolicyFolder);
    expect(await loadChatTemplate(tinyPolicyFolder, config, MAX_TEMPLATE_CHARS)).toBeNull();
  });
});
