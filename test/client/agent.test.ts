// The official client as an agent with a tool, over chat completions and over responses. The answers are scripted,
// so that the agent has something to call; everything between them and the client is real.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chatApp, WEATHER, WEATHER_CALL } from '../http/chat-app.ts';

let server: Server;
let client: OpenAI;

beforeAll(async () => {
  const { app } = chatApp((prompt) =>
    prompt.includes('[tool]sun') ? 'It is sunny in Bonn.' : `Let me look.\n${WEATHER_CALL}`,
  );
  server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(() => {
  server?.closeAllConnections();
  server?.close();
});

describe('an agent', () => {
  it('finishes its task over chat completions', async () => {
    const runner = client.chat.completions.runTools({
      model: 'tiny',
      messages: [{ role: 'user', content: 'Weather in Bonn?' }],
      tools: [
        {
          type: 'function',
          function: {
            ...WEATHER.function,
            parse: JSON.parse,
            function: ({ city }: { city: string }) => (city === 'Bonn' ? 'sun' : 'unknown'),
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is sunny in Bonn.');
  });

  it('finishes its task over streamed chat completions', async () => {
    const runner = client.chat.completions.runTools({
      model: 'tiny',
      stream: true,
      messages: [{ role: 'user', content: 'Weather in Bonn?' }],
      tools: [
        {
          type: 'function',
          function: { ...WEATHER.function, parse: JSON.parse, function: () => 'sun' },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is sunny in Bonn.');
  });

  it.each(['whole', 'streamed'] as const)('finishes its task over %s responses', async (way) => {
    const input: OpenAI.Responses.ResponseInputItem[] = [
      { role: 'user', content: 'Weather in Bonn?' },
    ];
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
    expect(second.output_text).toBe('It is sunny in Bonn.');
    expect(second.status).toBe('completed');
  });
});
