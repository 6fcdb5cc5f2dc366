import { describe, expect, it } from 'vitest';
import {
  type ResponseEvent,
  type ResponseObject,
  responseEventSchema,
  responseSchema,
} from '../../src/http/schema/responses-object.ts';
import { type ChatApp, chatApp, said, WEATHER, WEATHER_CALL } from './chat-app.ts';

const TOOL = { type: 'function', ...WEATHER.function, strict: true };

/** As a client may send it. */
const PROTO = JSON.parse('{"__proto__":"x"}');

async function respond({ app }: ChatApp, body: object): Promise<Response> {
  return app.request('/v1/responses', {
    method: 'POST',
    body: JSON.stringify({ model: 'tiny', input: 'Hi', ...body }),
  });
}

async function whole(app: ChatApp, body: object = {}): Promise<ResponseObject> {
  return responseSchema.strict().parse(await (await respond(app, body)).json());
}

async function events(app: ChatApp, body: object = {}): Promise<ResponseEvent[]> {
  const text = await (await respond(app, { ...body, stream: true })).text();
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const [name, data] = event.split('\n');
      const parsed = responseEventSchema.parse(JSON.parse(data?.replace(/^data: /, '') ?? ''));
      expect(name).toBe(`event: ${parsed.type}`);
      return parsed;
    });
}

/** Without what differs from request to request. */
function comparable(response: unknown): unknown {
  return JSON.parse(
    JSON.stringify(response)
      .replace(/"(resp|msg|fc|call)_[0-9a-f]{32}"/g, '"$1"')
      .replace(/"created_at":\d+/, '"created_at":0'),
  );
}

describe('POST /v1/responses', () => {
  it('answers with a message', async () => {
    const app = chatApp(['Hello!']);
    const body = await whole(app, { instructions: 'Be kind.', max_output_tokens: 9 });
    expect(app.prompts()).toEqual(['[system]Be kind.\n[user]Hi\n[assistant]']);
    expect(body).toMatchObject({
      status: 'completed',
      store: false,
      instructions: 'Be kind.',
      output: [
        {
          type: 'message',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Hello!', annotations: [], logprobs: [] }],
        },
      ],
      usage: {
        input_tokens: 37,
        output_tokens: 6,
        total_tokens: 43,
        input_tokens_details: { cached_tokens: 0 },
      },
      qsft: { beta: 4 },
    });
  });

  it('streams a message, event by event', async () => {
    const all = await events(chatApp(['Yo']));
    expect(all.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(all.map((event) => event.sequence_number)).toEqual(all.map((_, index) => index));
    const deltas = all.filter(({ type }) => type === 'response.output_text.delta');
    expect(deltas.map(({ delta }) => delta)).toEqual(['Y', 'o']);
    expect(all[3]).toMatchObject({ part: { text: '' }, output_index: 0, content_index: 0 });
    expect(all[6]).toMatchObject({ text: 'Yo' });
  });

  it('streams text and calls as items of their own', async () => {
    const all = await events(chatApp([`Hm.\n${WEATHER_CALL}\n${WEATHER_CALL}`]), { tools: [TOOL] });
    const items = all.filter(({ type }) => type === 'response.output_item.done');
    expect(items.map(({ output_index }) => output_index)).toEqual([0, 1, 2]);
    const call = all.filter(({ output_index }) => output_index === 1);
    const deltas = call.filter(({ type }) => type === 'response.function_call_arguments.delta');
    expect(deltas.length).toBeGreaterThan(10);
    expect(deltas.map(({ delta }) => delta).join('')).toBe('{"city": "Bonn"}');
    expect(call.map(({ type }) => type)).toEqual([
      'response.output_item.added',
      ...deltas.map(({ type }) => type),
      'response.function_call_arguments.done',
      'response.output_item.done',
    ]);
    expect(call[0]).toMatchObject({ item: { status: 'in_progress', arguments: '' } });
    expect(call.at(-1)).toMatchObject({
      item: {
        ...{ type: 'function_call', status: 'completed' },
        ...{ name: 'get_weather', arguments: '{"city": "Bonn"}' },
      },
    });
  });

  it('leaves a call incomplete whose arguments are cut', async () => {
    const cut = WEATHER_CALL.slice(0, WEATHER_CALL.indexOf('Bo') + 2);
    const all = await events(chatApp([said(cut, 'length')]), { tools: [TOOL] });
    const item = { type: 'function_call', status: 'incomplete', arguments: '{"city": "Bo' };
    expect(all.at(-2)).toMatchObject({ type: 'response.output_item.done', item });
    expect(all.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { output: [item], incomplete_details: { reason: 'max_output_tokens' } },
    });
  });

  it.each([
    ['text', 'Hello', {}],
    ['calls', `Hm ${WEATHER_CALL}`, { tools: [TOOL] }],
    ['nothing', '', {}],
    ['log-probabilities', 'Yo', { include: ['message.output_text.logprobs'], top_logprobs: 1 }],
  ])('ends a stream of %s with what it answers whole', async (_, text, body) => {
    const app = chatApp([text]);
    const last = (await events(app, body)).at(-1);
    expect(last?.type).toBe('response.completed');
    expect(comparable(last?.response)).toEqual(comparable(await whole(app, body)));
  });

  it('is incomplete where there was no room for the end', async () => {
    const app = chatApp([said('abc', 'length')]);
    expect((await events(app)).at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    });
  });

  it('says in an event that it failed, and in the log', async () => {
    const app = chatApp([said('a', 'error')]);
    const all = await events(app);
    expect(all.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'engine_failed' } },
    });
    expect(app.log.some(({ error }) => error === 'engine_failed')).toBe(true);
    expect((await respond(app, {})).status).toBe(500);
  });

  it('takes a conversation with calls as items', async () => {
    const app = chatApp(['ok']);
    await whole(app, {
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'weather?' }] },
        {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Hm.', annotations: [] }],
        },
        { type: 'reasoning', id: 'rs_1', summary: [] },
        { type: 'function_call', call_id: 'c1', name: 'get_weather', arguments: '{"city":"Bonn"}' },
        { type: 'function_call', call_id: 'c2', name: 'get_weather', arguments: '' },
        { type: 'function_call_output', call_id: 'c1', output: 'sun' },
        {
          type: 'function_call_output',
          call_id: 'c2',
          output: [{ type: 'input_text', text: 'rain' }],
        },
      ],
    });
    expect(app.prompts()[0]).toBe(
      '[user]weather?\n[assistant]Hm.<tool_call>{"name": "get_weather", "arguments": {"city": "Bonn"}}</tool_call><tool_call>{"name": "get_weather", "arguments": {}}</tool_call>\n[tool]sun(c1)\n[tool]rain(c2)\n[assistant]',
    );
  });

  it('takes what changes nothing', async () => {
    const response = await respond(chatApp(['ok']), {
      store: false,
      include: ['reasoning.encrypted_content'],
      reasoning: { effort: 'low' },
      metadata: { a: 'b' },
      previous_response_id: null,
      background: false,
      truncation: 'disabled',
      text: { format: { type: 'text' }, verbosity: 'low' },
      tools: [],
      service_tier: 'auto',
      user: 'me',
      prompt_cache_key: 'k',
      max_tool_calls: 3,
      stream_options: { include_obfuscation: false },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ignored-fields')).toBeNull();
    expect(await response.json()).toMatchObject({ metadata: { a: 'b' } });
  });

  it.each<[object, string, RegExp]>([
    [{ input: [] }, 'input', /list of 1 to 2048/],
    [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input[0].type', /function_call/],
    [{ input: [{ type: 'constructor' }] }, 'input[0].type', /must be one of message/],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
      'input[0].content[0].type',
      /input_image/,
    ],
    [{ input: [{ type: 'function_call', name: 'f' }] }, 'input[0].arguments', /type function_call/],
    [{ previous_response_id: 'resp_1' }, 'previous_response_id', /nothing is stored/],
    [{ conversation: 'c' }, 'conversation', /nothing is stored/],
    [{ background: true }, 'background', /false/],
    [{ truncation: 'last' }, 'truncation', /one of auto, disabled/],
    [{ metadata: PROTO }, 'metadata', /not have the key "__proto__"/],
    [{ chat_template_kwargs: PROTO }, 'chat_template_kwargs', /not have the key "__proto__"/],
    [
      { tools: [{ type: 'function', name: 'f', parameters: PROTO }] },
      'tools[0].parameters',
      /not have the key "__proto__"/,
    ],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type', /no tools of its own/],
    [{ tools: [], tool_choice: 'required' }, 'tool_choice', /there are no tools/],
    [{ text: { format: { type: 'json_schema' } } }, 'text.format.schema', /is required/],
    [{ max_output_tokens: 5000 }, 'max_output_tokens', /max_output_tokens asks for 5000/],
    [{ input: 'x'.repeat(4000) }, 'input', /3000 characters/],
  ])('refuses %j, naming the field', async (wrong, param, message) => {
    const response = await respond(chatApp(['ok']), wrong);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { param: string; message: string } };
    expect(error).toMatchObject({ param, message: expect.stringMatching(message) });
  });
  describe('with truncation: auto', () => {
    const turn = (name: string, length: number) => [
      { role: 'user', content: `${name}?${'x'.repeat(length)}` },
      { role: 'assistant', content: name },
    ];
    const input = [
      { role: 'developer', content: 'Be kind.' },
      ...['a', 'b', 'c', 'd'].flatMap((name) => turn(name, 500)),
      { type: 'function_call', name: 'f', arguments: '{}', call_id: '1' },
      { type: 'function_call_output', call_id: '1', output: 'ok' },
      { role: 'user', content: 'Now?' },
    ];
    const auto = { input, instructions: 'Answer.', truncation: 'auto' };

    it('leaves out as many of the oldest turns as it must', async () => {
      for (const [maxLength, kept] of [
        [4096, 'abcd'],
        [1800, 'bcd'],
        [1300, 'cd'],
        [800, 'd'],
        [200, ''],
      ] as const) {
        const app = chatApp(['Yes'], { maxLength });
        const body = await whole(app, auto);
        expect(body).toMatchObject({ status: 'completed', truncation: 'auto' });
        const [prompt = ''] = app.prompts();
        expect([...prompt.matchAll(/\[user\](.)\?/g)].map(([, name]) => name).join('')).toBe(kept);
        expect(prompt).toMatch(/^\[system\]Answer\.\n\[system\]Be kind\.\n\[user\]/);
        expect(prompt).toMatch(/\[user\]Now\?\n\[assistant\]$/);
      }
    });

    it('leaves room for the answer that is asked for', async () => {
      const app = chatApp(['Yes'], { maxLength: 1800 });
      await whole(app, { ...auto, max_output_tokens: 600 });
      expect(app.prompts()[0]).not.toContain('b?');
      expect(app.prompts()[0]).toContain('c?');
    });

    it('takes a conversation that is too long for its template too', async () => {
      const app = chatApp(['Yes'], { limits: { maxPromptChars: 1300 } });
      await whole(app, auto);
      expect(app.prompts()[0]).not.toContain('b?');
      expect(app.prompts()[0]).toContain('c?');
    });

    it('refuses what does not fit even so', async () => {
      const response = await respond(chatApp(['Yes'], { maxLength: 20 }), auto);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { code: 'context_length_exceeded', param: 'input' },
      });
    });
  });
});
