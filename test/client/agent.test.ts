// The official client as an agent with a tool, over chat completions and over responses. The answers are scripted,
// so that the agent has something to call; everything between them and the client is real.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WEATHER } from '../http/chat-app.ts';
import type { ScriptedServer } from './scripted-server.ts';
import { ANSWER, QUESTION, serveWeather, weatherIn } from './weather.ts';

let server: ScriptedServer;
let client: OpenAI;

beforeAll(async () => {
  server = await serveWeather();
  client = new OpenAI({ baseURL: server.baseURL, apiKey: 'none', maxRetries: 0 });
});

afterAll(() => server?.stop());

describe('an agent', () => {
  const task = {
    model: 'tiny',
    messages: [{ role: 'user' as const, content: QUESTION }],
    tools: [
      {
        type: 'function' as const,
        function: {
          ...WEATHER.function,
          parse: JSON.parse,
          function: ({ city }: { city: string }) => weatherIn(city),
        },
      },
    ],
  };

  it('finishes its task over chat completions', async () => {
    const runner = client.chat.completions.runTools(task);
    expect(await runner.finalContent()).toBe(ANSWER);
  });

  it('finishes its task over streamed chat completions', async () => {
    const runner = client.chat.completions.runTools({ ...task, stream: true });
    expect(await runner.finalContent()).toBe(ANSWER);
  });

  it.each(['whole', 'streamed'] as const)('finishes its task over %s responses', async (way) => {
    const input: OpenAI.Responses.ResponseInputItem[] = [{ role: 'user', content: QUESTION }];
    const body = {
      model: 'tiny',
      input,
      store: false,
      tools: [{ type: 'function' as const, ...WEATHER.function, strict: false }],
    };
    const ask = () =>
      way === 'whole'
        ? client.responses.create(body)
        : client.responses.stream(body).finalResponse();
    const first = await ask();
    expect(first.output.map(({ type }) => type)).toEqual(['message', 'function_call']);
    input.push(...(first.output as OpenAI.Responses.ResponseInputItem[]));
    for (const item of first.output) {
      if (item.type !== 'function_call') continue;
      expect(JSON.parse(item.arguments)).toEqual({ city: 'Bonn' });
      input.push({ type: 'function_call_output', call_id: item.call_id, output: 'sun' });
    }
    const second = await ask();
    expect(second.output_text).toBe(ANSWER);
    expect(second.status).toBe('completed');
  });
});
