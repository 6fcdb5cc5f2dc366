// With a seed a stream is the whole answer to the token, on a real policy: cut at many lengths, in every form, with forced calls.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  STREAMED,
  streamedChat,
  streamedCompletion,
  streamedResponse,
  wholeChat,
  wholeCompletion,
  wholeResponse,
} from '../http/put-together.ts';
import { type JsonServer, startJsonServer } from './json-server.ts';

const SCHEMA = {
  type: 'object',
  properties: { a: { type: 'string', maxLength: 4 }, b: { enum: [1, 'x', null] } },
  required: ['a', 'b'],
};
const TOOL = { name: 'f', parameters: SCHEMA };
const messages = [{ role: 'user', content: 'a' }];
const seen = { logprobs: true, top_logprobs: 2, return_token_ids: true, n: 2 };
const CUTS = Array.from({ length: 28 }, (_, at) => 2 * at + 1);

let server: JsonServer;

beforeAll(async () => {
  server = await startJsonServer();
});

afterAll(async () => {
  await server?.end();
});

async function post(path: string, body: object): Promise<Response> {
  const response = await fetch(`${server.url}/v1/${path}`, {
    method: 'POST',
    body: JSON.stringify({ model: 'tiny', ...body }),
  });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

describe('a stream with a seed, cut anywhere, is the whole answer', () => {
  it.each<[string, object]>([
    ['free', { logprobs: 2, n: 2, return_token_ids: true }],
    ['echoed', { logprobs: 1, echo: true, qsft: { details: true } }],
    ['stopped', { stop: ['1', '{"'], logprobs: 0, include_stop_str_in_output: true }],
    ['by a schema', { structured_outputs: { json: SCHEMA }, logprobs: 0 }],
    ['chosen whole', { structured_outputs: { choice: ['true', '[1]'] }, logprobs: 0 }],
  ])('of completions: %s', async (_, fields) => {
    for (const max_tokens of CUTS) {
      const body = { prompt: 'a', seed: max_tokens % 5, max_tokens, ...fields };
      const whole = await wholeCompletion(await post('completions', body));
      const streamed = await post('completions', { ...body, ...STREAMED });
      expect(await streamedCompletion(streamed)).toEqual(whole);
    }
  });

  const tools = [{ type: 'function', function: TOOL }];
  const json_schema = { name: 'it', schema: SCHEMA };
  it.each<[string, object]>([
    ['free', seen],
    ['by a schema', { ...seen, response_format: { type: 'json_schema', json_schema } }],
    ['a forced call', { ...seen, tools, tool_choice: 'required' }],
    [
      'a strict tool',
      { ...seen, tools: [{ type: 'function', function: { ...TOOL, strict: true } }] },
    ],
  ])('of chats: %s', async (_, fields) => {
    const longest = 'tools' in fields ? 40 : 56;
    for (const max_tokens of CUTS.filter((cut) => cut <= longest)) {
      const body = { messages, seed: max_tokens % 5, max_tokens, ...fields };
      const whole = await wholeChat(await post('chat/completions', body));
      const streamed = await post('chat/completions', { ...body, ...STREAMED });
      expect(await streamedChat(streamed)).toEqual(whole);
    }
  });

  const include = ['message.output_text.logprobs'];
  it.each<[string, object]>([
    ['free', { include, top_logprobs: 1 }],
    ['by a schema', { include, text: { format: { type: 'json_schema', ...json_schema } } }],
    ['a forced call', { include, tools: [{ type: 'function', ...TOOL }], tool_choice: 'required' }],
  ])('of responses: %s', async (_, fields) => {
    const longest = 'tools' in fields ? 40 : 56;
    for (const max_output_tokens of CUTS.filter((cut) => cut <= longest)) {
      const body = { input: 'a', seed: max_output_tokens % 5, max_output_tokens, ...fields };
      const whole = await wholeResponse(await post('responses', body));
      const streamed = await post('responses', { ...body, stream: true });
      expect(await streamedResponse(streamed)).toEqual(whole);
    }
  });
});
