// Generated bodies, conversations and token streams against the application without its network.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Detokenizer } from '../../src/generation/detokenizer.ts';
import { byteFallbackTokenizer, byteLevelTokenizer } from '../generation/tokenizers.ts';
import { chatApp } from '../http/chat-app.ts';
import { PROMPT, payloads, testApp } from '../http/test-app.ts';

const SETTINGS = { seed: 20_261_123, numRuns: 150 };

const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(-0, 1e308, 2 ** 53, -1, 0, 1, 2),
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(PROMPT, '', '\ud800', '\0', '<tool_call>', '{{ x }}', '{% for %}', '__proto__'),
);
const value = fc.oneof(
  number,
  text,
  fc.boolean(),
  fc.constant(null),
  fc.array(number),
  fc.array(text),
  fc.json().map((json): unknown => JSON.parse(json)),
);

/** Fields of the request, each with a likely value or any. */
function bodies(likely: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  const fields = Object.entries(likely).map(
    ([name, fitting]) => [name, fc.oneof({ weight: 2, arbitrary: fitting }, value)] as const,
  );
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

const shared = {
  model: fc.constant('tiny'),
  max_tokens: fc.integer({ min: 1, max: 9 }),
  n: fc.integer({ min: 1, max: 3 }),
  stream: fc.boolean(),
  stop: fc.oneof(text, fc.array(text, { maxLength: 5 })),
  beta: fc.oneof(number, fc.record({ start: number, end: number })),
  qsft: fc.record({ details: fc.boolean(), beta: number }, { requiredKeys: [] }),
  temperature: fc.double({ min: 0, max: 2, noNaN: true }),
  top_p: fc.double({ min: 0, max: 1, noNaN: true }),
  logit_bias: fc.dictionary(fc.oneof(text, fc.nat(99).map(String)), number),
  timeout: fc.integer({ min: 1, max: 10 }),
  stream_options: fc.record({ include_usage: fc.boolean() }),
};

const completion = bodies({
  ...shared,
  prompt: fc.oneof(text, fc.array(text), fc.array(fc.nat(70)), fc.constant(PROMPT)),
  echo: fc.boolean(),
  logprobs: fc.nat(6),
  best_of: fc.nat(5),
  suffix: text,
});

const call = fc.record({
  id: text,
  type: fc.constant('function'),
  function: fc.record({ name: text, arguments: fc.oneof(text, fc.json()) }),
});
const message = fc.record(
  {
    role: fc.constantFrom('system', 'developer', 'user', 'assistant', 'tool', 'root'),
    content: fc.oneof(
      text,
      fc.array(fc.record({ type: fc.constantFrom('text', 'image_url'), text })),
    ),
    tool_calls: fc.array(call, { maxLength: 2 }),
    tool_call_id: text,
    name: text,
  },
  { requiredKeys: ['role', 'content'] },
);
const tool = fc.record({
  type: fc.constant('function'),
  function: fc.record({ name: fc.constantFrom('f', 'get_weather'), parameters: fc.object() }),
});
const conversation = bodies({
  ...shared,
  messages: fc.array(message, { maxLength: 4 }),
  tools: fc.array(tool, { maxLength: 2 }),
  tool_choice: fc.constantFrom('auto', 'none', 'required'),
  chat_template_kwargs: fc.dictionary(text, value),
  response_format: fc.constantFrom({ type: 'text' }, { type: 'json_object' }),
});

/** Of those that pass, none so short that a busy machine could not keep it. */
function inTime(body: object & { timeout?: unknown }): object {
  const { timeout } = body;
  return typeof timeout === 'number' && timeout > 0 && timeout < 60
    ? { ...body, timeout: 60 }
    : body;
}

/** An answer or a refusal that names its reason; never a failure of the server's own. */
async function checkAnswer(response: Response): Promise<void> {
  const body = await response.text();
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (response.ok && isStream) {
    const events = payloads(body);
    expect(events.at(-1)).toBe('[DONE]');
    for (const event of events.slice(0, -1)) JSON.parse(event);
    return;
  }
  expect([response.status < 500, response.status, body]).toEqual([true, response.status, body]);
  const answer: { error?: { message?: string } } = JSON.parse(body);
  if (!response.ok) expect(answer.error?.message).toMatch(/\S/);
}

describe('whatever is asked', () => {
  it('of completions is answered or refused, and leaves nothing running', async () => {
    const { complete, engine, log } = testApp([{ tokens: ['s ', 'h '], end: 'eos' }]);
    await fc.assert(
      fc.asyncProperty(completion, async (body) => {
        await checkAnswer(await complete(inTime(body)));
        expect(engine.inFlight).toEqual({ waiting: 0, running: 0, cacheUsage: 0 });
      }),
      SETTINGS,
    );
    expect(log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  it('of a conversation is answered or refused, whatever the model says to it', async () => {
    const said = fc.oneof(
      text.filter((each) => !/[\ud800-\udfff]/.test(each)),
      fc.constantFrom(
        '<tool_call>',
        '<tool_call>{"name": "f", "arguments": {"a": [',
        '</tool_call>{',
        '<tool_call>{"name": "f", "arguments": {}}</tool_call>',
      ),
    );
    let spoken = '';
    const { chat, engine } = chatApp(() => spoken);
    await fc.assert(
      fc.asyncProperty(conversation, said, async (body, answer) => {
        spoken = answer;
        await checkAnswer(await chat(inTime(body)));
        expect(engine.inFlight).toEqual({ waiting: 0, running: 0, cacheUsage: 0 });
      }),
      SETTINGS,
    );
  });

  it('of the detokenizer, its pieces are the text of all its tokens', () => {
    for (const tokenizer of [byteLevelTokenizer(), byteFallbackTokenizer()]) {
      const ids = fc.array(fc.nat(tokenizer.vocabularySize - 1), { maxLength: 40 });
      fc.assert(
        fc.property(ids, (tokens) => {
          const detokenizer = new Detokenizer(tokenizer, []);
          const pieces = [...tokens.map((id) => detokenizer.push(id)), detokenizer.flush()];
          expect(pieces.join('')).toBe(tokenizer.decode(tokens));
        }),
        SETTINGS,
      );
    }
  });
});
