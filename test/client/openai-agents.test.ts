// The OpenAI Agents SDK against the application: an agent with a tool finishes its task over either API of OpenAI's.
// The answers are scripted; what lies between is real.
import { Agent, OpenAIProvider, Runner, tool } from '@openai/agents';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ScriptedServer } from './scripted-server.ts';
import { ANSWER, QUESTION, serveWeather, weatherIn } from './weather.ts';

let server: ScriptedServer;

beforeAll(async () => {
  server = await serveWeather();
});

afterAll(() => server?.stop());

function meteorologist() {
  const asked: string[] = [];
  const weather = tool({
    name: 'get_weather',
    description: 'The weather now.',
    parameters: z.object({ city: z.string() }),
    execute: ({ city }) => {
      asked.push(city);
      return weatherIn(city);
    },
  });
  const agent = new Agent({
    name: 'meteorologist',
    instructions: 'Look before you answer.',
    model: 'tiny',
    modelSettings: { providerData: { beta: 7 } },
    tools: [weather],
  });
  return { agent, asked };
}

describe.each([
  ['responses', true],
  ['chat completions', false],
])('an agent over %s', (_, useResponses) => {
  function runner(): Runner {
    const modelProvider = new OpenAIProvider({
      baseURL: server.baseURL,
      apiKey: 'none',
      useResponses,
    });
    return new Runner({ modelProvider, tracingDisabled: true });
  }

  it('finishes its task', async () => {
    const { agent, asked } = meteorologist();
    const result = await runner().run(agent, QUESTION);
    expect(result.finalOutput).toBe(ANSWER);
    expect(asked).toEqual(['Bonn']);
    expect(server.bodies.at(-1)).toMatchObject({ beta: 7 });
  });

  it('finishes its task in a stream', async () => {
    const { agent, asked } = meteorologist();
    const result = await runner().run(agent, QUESTION, { stream: true });
    let text = '';
    for await (const piece of result.toTextStream()) text += piece;
    await result.completed;
    expect(text.endsWith(ANSWER)).toBe(true);
    expect(result.finalOutput).toBe(ANSWER);
    expect(asked).toEqual(['Bonn']);
  });
});
