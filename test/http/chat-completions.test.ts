import { describe, expect, it } from 'vitest';
import { type ChatChunk, chatChunkSchema } from '../../src/http/schema/chat-response.ts';
import { byteLevelTokenizer } from '../generation/tokenizers.ts';
import { chatApp, said, TEMPLATE, WEATHER, WEATHER_CALL } from './chat-app.ts';
import { payloads, testApp } from './test-app.ts';

async function chunks(response: Response): Promise<ChatChunk[]> {
  const events = payloads(await response.text());
  expect(events.pop()).toBe('[DONE]');
  return events.map((event) => chatChunkSchema.strict().parse(JSON.parse(event)));
}

const choices = (all: readonly ChatChunk[]) => all.flatMap((chunk) => chunk.choices);

describe('POST /v1/chat/completions', () => {
  it('answers with a message', async () => {
    const { reply, prompts, submitted } = chatApp(['Hello!']);
    const body = await reply({
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hi' },
      ],
    });
    expect(body.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello!', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
        stop_reason: null,
      },
    ]);
    expect(body).toMatchObject({ object: 'chat.completion', qsft: { beta: 4, extraction: 'kl' } });
    expect(body.id).toMatch(/^chatcmpl-/);
    expect(prompts()).toEqual(['[system]Be kind.\n[user]Hi\n[assistant]']);
    expect(body.usage).toMatchObject({ prompt_tokens: 37, completion_tokens: 6 });
    expect(submitted[0]?.maxTokens).toBe(4096 - 37);
  });

  it('streams the role, the text, the end and the usage', async () => {
    const { chat } = chatApp(['Yo']);
    const all = await chunks(await chat({ stream: true, stream_options: { include_usage: true } }));
    expect(choices(all).map(({ delta, finish_reason }) => [delta, finish_reason])).toEqual([
      [{ role: 'assistant', content: '', refusal: null }, null],
      [{ content: 'Y' }, null],
      [{ content: 'o' }, null],
      [{}, 'stop'],
    ]);
    const last = all.at(-1);
    expect(last).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
    expect(all.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
  });

  it('reports log-probabilities token by token', async () => {
    const { reply, chat } = chatApp(['Yo']);
    const asked = { logprobs: true, top_logprobs: 1 };
    const [whole] = (await reply(asked)).choices;
    expect(whole?.logprobs?.content[0]).toEqual({
      token: 'Y',
      logprob: -0.5,
      bytes: [89],
      top_logprobs: [{ token: 'Z', logprob: 0, bytes: [90] }],
    });
    const streamed = choices(await chunks(await chat({ ...asked, stream: true })));
    expect(streamed.flatMap(({ logprobs }) => logprobs?.content ?? [])).toEqual(
      whole?.logprobs?.content,
    );
  });

  it('ends with length where there is no room', async () => {
    const { reply, submitted } = chatApp([said('abc', 'length')]);
    const { choices } = await reply({ max_completion_tokens: 3, max_tokens: 9 });
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'abc' } });
    expect(submitted[0]?.maxTokens).toBe(3);
  });

  it('gives n answers, each with a role of its own', async () => {
    const { chat, reply } = chatApp(['One', 'Two']);
    const { choices: whole } = await reply({ n: 2 });
    expect(whole.map(({ message }) => message.content)).toEqual(['One', 'Two']);
    const streamed = choices(await chunks(await chat({ n: 2, stream: true })));
    for (const index of [0, 1]) {
      const own = streamed.filter((choice) => choice.index === index);
      expect(own[0]?.delta.role).toBe('assistant');
      expect(own.map(({ delta }) => delta.content ?? '').join('')).toBe(
        whole[index]?.message.content,
      );
      expect(own.at(-1)?.finish_reason).toBe('stop');
    }
  });

  it('cuts at the request’s stop strings and at the policy’s', async () => {
    const { reply } = chatApp(['one\ntwo'], { stopStrings: ['\n'] });
    expect((await reply({})).choices[0]).toMatchObject({
      message: { content: 'one' },
      stop_reason: '\n',
    });
    expect((await reply({ stop: ['n'] })).choices[0]?.message.content).toBe('o');
  });

  it('takes content as parts, and what an assistant said before', async () => {
    const { reply, prompts } = chatApp(['ok']);
    await reply({
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
        { role: 'user', content: 'weather?', name: 'me' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            {
              id: 'c1',
              type: 'function',
              function: { name: 'get_weather', arguments: '{"city":"Bonn"}' },
            },
          ],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'sun' },
        { role: 'assistant', content: 'Sunny.' },
        { role: 'user', content: 'ok' },
      ],
    });
    expect(prompts()[0]).toBe(
      '[system]a\nb\n[user]weather?\n[assistant]<tool_call>{"name": "get_weather", "arguments": {"city": "Bonn"}}</tool_call>\n[tool]sun(c1)\n[assistant]Sunny.\n[user]ok\n[assistant]',
    );
  });

  it('continues the last message where asked', async () => {
    const { reply, prompts } = chatApp([' world']);
    const { choices } = await reply({
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
      ],
      continue_final_message: true,
    });
    expect(prompts()[0]).toBe('[user]Hi\n[assistant]Hello');
    expect(choices[0]?.message.content).toBe(' world');
  });

  it('takes what frameworks send out of habit', async () => {
    const { chat } = chatApp(['ok']);
    const response = await chat({
      stop: null,
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      store: false,
      metadata: { a: 'b' },
      user: 'me',
      service_tier: 'auto',
      response_format: { type: 'text' },
      modalities: ['text'],
      reasoning_effort: null,
      functions: [],
      max_tokens: null,
      logit_bias: null,
      seed: null,
      n: null,
      top_logprobs: null,
      stream_options: null,
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ignored-fields')).toBeNull();
  });

  it.each<[object, string, RegExp]>([
    [{ messages: [] }, 'messages', /1 to 2048/],
    [{ messages: [{ role: 'function', content: '' }] }, 'messages[0].role', /system, developer/],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', /role user/],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id', /name the call/],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages[0].content[0].type',
      /"image_url" was given/,
    ],
    [{ messages: [{ role: 'user', content: '\ud800' }] }, 'messages[0].content', /./],
    [{ messages: [{ role: 'user', content: 'x'.repeat(4000) }] }, 'messages', /3000 characters/],
    [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema', /an object/],
    [{ response_format: { type: 'xml' } }, 'response_format.type', /text, json_object/],
    [{ structured_outputs: { regex: '(' } }, 'structured_outputs.regex', /without its \)/],
    [{ tool_choice: 'required' }, 'tool_choice', /there are no tools/],
    [
      { tool_choice: { type: 'function', function: { name: 'x' } } },
      'tool_choice',
      /names x, which is not among the tools/,
    ],
    [{ functions: [{ name: 'f' }] }, 'functions', /use tools/],
    [{ chat_template: '{{ 1 }}' }, 'chat_template', /own template/],
    [{ chat_template_kwargs: { messages: '' } }, 'chat_template_kwargs', /messages/],
    [{ chat_template_kwargs: { a: { b: 1 } } }, 'chat_template_kwargs.a', /an object was given/],
    [{ top_logprobs: 2 }, 'top_logprobs', /logprobs/],
    [{ continue_final_message: true }, 'continue_final_message', /assistant/],
    [
      { max_completion_tokens: 5000 },
      'max_completion_tokens',
      /max_completion_tokens asks for 5000/,
    ],
    [{ max_tokens: 5000 }, 'max_tokens', /max_tokens asks for 5000/],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type', /"function"/],
  ])('refuses %j, naming the field', async (wrong, param, message) => {
    const { chat } = chatApp(['ok']);
    const response = await chat(wrong);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { param: string; message: string } };
    expect(error).toMatchObject({ param, message: expect.stringMatching(message) });
  });

  it('refuses parameters nested deeper than could be written again', async () => {
    let parameters: object = {};
    for (let depth = 0; depth < 3000; depth += 1) parameters = { a: parameters };
    const { chat } = chatApp(['ok']);
    const response = await chat({
      tools: [{ type: 'function', function: { name: 'f', parameters } }],
    });
    expect(response.status).toBe(400);
  });

  it('begins a prompt once, where the template and the tokenizer both would', async () => {
    const { reply, prompts, submitted } = chatApp(['ok'], {
      tokenizer: byteLevelTokenizer({ beginsWithEnd: true }),
      template: '<|end|>{{ messages[0].content }}',
    });
    await reply({});
    expect(prompts()).toEqual(['Hi']);
    expect(submitted[0]?.promptIds.filter((id) => id === 0)).toHaveLength(1);
  });

  it('says so where the policy has no template', async () => {
    const { app } = testApp([]);
    const messages = [{ role: 'user', content: 'Hi' }];
    const response = await app.request('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', messages }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param: 'model', message: expect.stringMatching(/no chat template/) },
    });
  });

  it('ends a stream that fails with an error and without [DONE]', async () => {
    const { chat } = chatApp([said('a', 'error')]);
    const events = payloads(await (await chat({ stream: true })).text());
    expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ error: { code: 'engine_failed' } });
  });
});

describe('tools', () => {
  it('are shown to the model, whose calls become tool_calls', async () => {
    const { reply, prompts } = chatApp([`One moment.\n${WEATHER_CALL}`]);
    const { choices } = await reply({ tools: [WEATHER] });
    expect(prompts()[0]).toContain('"name": "get_weather"');
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      stop_reason: null,
      message: {
        content: 'One moment.',
        tool_calls: [
          { type: 'function', function: { name: 'get_weather', arguments: '{"city": "Bonn"}' } },
        ],
      },
    });
    expect(choices[0]?.message.tool_calls?.[0]?.id).toMatch(/^call_[0-9a-f]{32}$/);
  });

  it('are called in a stream by id, type and name first and then the arguments as they come', async () => {
    const { chat } = chatApp([`${WEATHER_CALL}\n${WEATHER_CALL}`]);
    const streamed = choices(await chunks(await chat({ tools: [WEATHER], stream: true })));
    const calls = streamed.flatMap(({ delta }) => delta.tool_calls ?? []);
    const opening = { type: 'function', function: { name: 'get_weather', arguments: '' } };
    const ids = [0, 1].map((position) => {
      const [first, ...rest] = calls.filter(({ index }) => index === position);
      expect(first).toEqual({ index: position, id: expect.any(String), ...opening });
      const deltas = rest.map((call) => {
        expect(Object.keys(call)).toEqual(['index', 'function']);
        return call.function?.arguments;
      });
      expect(deltas.join('')).toBe('{"city": "Bonn"}');
      expect(deltas.length).toBeGreaterThan(10);
      return first?.id;
    });
    expect(new Set(ids).size).toBe(2);
    expect(streamed.every(({ delta }) => !delta.content)).toBe(true);
    expect(streamed.at(-1)).toMatchObject({ delta: {}, finish_reason: 'tool_calls' });
  });

  it('are called once at most where calls must not be parallel', async () => {
    const { reply, cancelled } = chatApp([`${WEATHER_CALL}\n${WEATHER_CALL}`]);
    const { choices } = await reply({ tools: [WEATHER], parallel_tool_calls: false });
    expect(choices[0]?.message.tool_calls).toHaveLength(1);
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', stop_reason: null });
    expect(cancelled()).toBe(1);
  });

  it('are not called by what is cut before it names one: that is text', async () => {
    const cut = WEATHER_CALL.slice(0, 30);
    const { reply } = chatApp([said(cut, 'length')]);
    const { choices } = await reply({ tools: [WEATHER] });
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: cut } });
    expect(choices[0]?.message).not.toHaveProperty('tool_calls');
  });

  it('are called with what there is of arguments that are cut', async () => {
    const cut = WEATHER_CALL.slice(0, WEATHER_CALL.indexOf('Bo') + 2);
    const { reply } = chatApp([said(cut, 'length')]);
    const { choices } = await reply({ tools: [WEATHER] });
    expect(choices[0]).toMatchObject({
      finish_reason: 'length',
      message: { content: null, tool_calls: [{ function: { arguments: '{"city": "Bo' } }] },
    });
  });

  it('are not shown where tool_choice is none', async () => {
    const { reply, prompts } = chatApp([WEATHER_CALL]);
    const { choices } = await reply({ tools: [WEATHER], tool_choice: 'none' });
    expect(prompts()[0]).not.toContain('get_weather');
    expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: WEATHER_CALL } });
  });

  it("reads Qwen3-Coder's calls, whose values mean what the tool's schema says", async () => {
    const call =
      '<tool_call>\n<function=get_weather>\n<parameter=city>\n12\n</parameter>\n</function>\n</tool_call>';
    const template = `${TEMPLATE}{# <function=NAME><parameter=KEY> #}`;
    const { reply } = chatApp([`Hm.\n${call}`], { template });
    const [choice] = (await reply({ tools: [WEATHER] })).choices;
    expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Hm.' } });
    expect(choice?.message.tool_calls).toMatchObject([
      { function: { name: 'get_weather', arguments: '{"city": "12"}' } },
    ]);
  });

  it('are read in the format the operator names', async () => {
    const call = '{"name": "get_weather", "parameters": {}}';
    const { reply } = chatApp([call], { toolParser: 'llama3_json' });
    const { choices } = await reply({ tools: [WEATHER] });
    expect(choices[0]?.message.tool_calls?.[0]?.function.arguments).toBe('{}');
  });

  it.each([
    ['a template that knows none', { template: '{{ messages[0].content }}' }],
    ['--tool-parser none', { template: TEMPLATE, toolParser: 'none' as const }],
  ])('are refused with %s', async (_, options) => {
    const { chat } = chatApp(['ok'], options);
    const response = await chat({ tools: [WEATHER] });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'tools' } });
  });

  it('keep the log-probabilities of every token', async () => {
    const { reply } = chatApp([`Hm ${WEATHER_CALL}`]);
    const { choices } = await reply({ tools: [WEATHER], logprobs: true });
    const tokens = choices[0]?.logprobs?.content.map(({ token }) => token).join('');
    expect(tokens).toBe(`Hm ${WEATHER_CALL}`);
  });
});
