// The official client's helpers for streams, which keep a snapshot of the answer and check every event against it:
// with tools, with forms, with both, on a real policy with random weights.
import OpenAI from 'openai';
import {
  zodFunction,
  zodResponseFormat,
  zodResponsesFunction,
  zodTextFormat,
} from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type JsonServer, startJsonServer } from './json-server.ts';

const LIGHT = z.object({ on: z.boolean() });
const PARSED = { on: expect.any(Boolean) };
const messages = [{ role: 'user' as const, content: 'a' }];

let server: JsonServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startJsonServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server?.end();
});

describe('chat.completions.stream', () => {
  const body = { model: 'tiny', messages, seed: 1, stream_options: { include_usage: true } };
  const tools = [zodFunction({ name: 'f', parameters: LIGHT })];
  const response_format = zodResponseFormat(LIGHT, 'light');

  it('gives the text, its log-probabilities and the usage of the whole answer', async () => {
    const asked = { ...body, max_tokens: 5, logprobs: true, top_logprobs: 1, n: 2 };
    const { stream_options: _, ...whole } = asked;
    const stream = client.chat.completions.stream(asked);
    let said = '';
    stream.on('content.delta', ({ delta }) => {
      said += delta;
    });
    const final = await stream.finalChatCompletion();
    const expected = await client.chat.completions.create(whole);
    expect(final.usage).toEqual(expected.usage);
    for (const [index, { message, logprobs, finish_reason }] of expected.choices.entries()) {
      const choice = final.choices[index];
      expect(choice?.message.content).toBe(message.content);
      expect(choice?.finish_reason).toBe(finish_reason);
      expect(choice?.logprobs?.content).toEqual(logprobs?.content);
    }
    expect(said).toHaveLength(
      expected.choices.map(({ message }) => message.content).join('').length,
    );
  });

  it('parses what is of a schema', async () => {
    const stream = client.chat.completions.stream({ ...body, response_format });
    expect((await stream.finalChatCompletion()).choices[0]?.message.parsed).toEqual(PARSED);
  });

  it('tells that what was to be of a schema is cut', async () => {
    const stream = client.chat.completions.stream({ ...body, response_format, max_tokens: 2 });
    await expect(stream.finalChatCompletion()).rejects.toThrow(/length limit/);
  });

  it.each([['required'], [{ type: 'function', function: { name: 'f' } }]] as const)(
    'parses the arguments of a forced call: %j',
    async (tool_choice) => {
      const asked = { ...body, tools, tool_choice, n: 2 };
      const stream = client.chat.completions.stream(asked);
      const done: unknown[] = [];
      stream.on('tool_calls.function.arguments.done', (call) => done.push(call.parsed_arguments));
      const { choices } = await stream.finalChatCompletion();
      expect(done).toEqual([PARSED, PARSED]);
      for (const { message, finish_reason } of choices) {
        expect(finish_reason).toBe('tool_calls');
        expect(message.content).toBeNull();
        expect(message.tool_calls).toMatchObject([{ function: { parsed_arguments: PARSED } }]);
      }
    },
  );

  it('calls or answers by the schema where both are offered', async () => {
    const stream = client.chat.completions.stream({ ...body, tools, response_format });
    const [choice] = (await stream.finalChatCompletion()).choices;
    const { parsed, tool_calls: calls } = choice?.message ?? {};
    if (parsed) expect(parsed).toEqual(PARSED);
    else expect(calls).toMatchObject([{ function: { parsed_arguments: PARSED } }]);
  });
});

describe('chat.completions.runTools', () => {
  it.each([true, false])('runs what a forced call names, streamed: %j', async (stream) => {
    const runs: unknown[] = [];
    const task = {
      model: 'tiny',
      messages,
      tool_choice: { type: 'function' as const, function: { name: 'f' } },
      tools: [
        {
          type: 'function' as const,
          function: {
            name: 'f',
            description: 'a',
            parameters: {
              type: 'object',
              properties: { on: { type: 'boolean' } },
              required: ['on'],
            },
            parse: JSON.parse,
            function: (given: unknown) => {
              runs.push(given);
              return 'ok';
            },
          },
        },
      ],
    };
    const runner = stream
      ? client.chat.completions.runTools({ ...task, stream })
      : client.chat.completions.runTools({ ...task, stream });
    await runner.done();
    expect(runs).toEqual([PARSED]);
  });
});

describe('responses.stream', () => {
  const body = { model: 'tiny', input: 'a', store: false };
  const tools = [zodResponsesFunction({ name: 'f', parameters: LIGHT })];
  const text = { format: zodTextFormat(LIGHT, 'light') };

  it('gives the text of the whole answer', async () => {
    const asked = {
      ...body,
      seed: 1,
      max_output_tokens: 30,
      include: ['message.output_text.logprobs' as const],
    };
    const final = await client.responses.stream(asked).finalResponse();
    const whole = await client.responses.create(asked);
    expect(final.output_text).toBe(whole.output_text);
    expect(final.usage).toEqual(whole.usage);
  });

  it('parses what is of a schema', async () => {
    const final = await client.responses.stream({ ...body, text }).finalResponse();
    expect(final.output_parsed).toEqual(PARSED);
  });

  it('parses the arguments of a forced call', async () => {
    const stream = client.responses.stream({ ...body, tools, tool_choice: 'required' });
    let deltas = '';
    stream.on('response.function_call_arguments.delta', ({ delta, snapshot }) => {
      deltas += delta;
      expect(snapshot).toBe(deltas);
    });
    const [call] = (await stream.finalResponse()).output;
    expect(call).toMatchObject({ type: 'function_call', name: 'f', parsed_arguments: PARSED });
  });

  it('tells that an answer is cut', async () => {
    const final = await client.responses.stream({ ...body, max_output_tokens: 1 }).finalResponse();
    expect(final.status).toBe('incomplete');
    expect(final.incomplete_details).toEqual({ reason: 'max_output_tokens' });
  });
});
