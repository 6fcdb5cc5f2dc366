// The Vercel AI SDK against the application: texts, streams and tools. The answers are scripted; what lies between is real.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, isStepCount, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ScriptedServer } from './scripted-server.ts';
import { ANSWER, QUESTION, serveWeather, weatherIn } from './weather.ts';

let server: ScriptedServer;
let provider: ReturnType<typeof createOpenAICompatible>;

beforeAll(async () => {
  server = await serveWeather();
  provider = createOpenAICompatible({
    name: 'qsft',
    baseURL: server.baseURL,
    includeUsage: true,
  });
});

afterAll(() => server?.stop());

const weather = tool({
  description: 'The weather now.',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => weatherIn(city),
});

describe('the AI SDK', () => {
  it('generates a text', async () => {
    const result = await generateText({
      model: provider('tiny'),
      system: 'Be brief.',
      prompt: QUESTION,
      maxRetries: 0,
      seed: 1,
      providerOptions: { qsft: { beta: 7, extraction: 'kl' } },
    });
    expect(result.text).toBe('I cannot know.');
    expect(result.finishReason).toBe('stop');
    expect(result.usage.outputTokens).toBe('I cannot know.'.length);
    expect(server.bodies.at(-1)).toMatchObject({ beta: 7, extraction: 'kl' });
  });

  it('streams a text', async () => {
    const result = streamText({ model: provider('tiny'), prompt: QUESTION, maxRetries: 0 });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe('I cannot know.');
    expect(await result.finishReason).toBe('stop');
    expect((await result.usage).outputTokens).toBe('I cannot know.'.length);
  });

  const task = {
    prompt: QUESTION,
    maxRetries: 0,
    tools: { get_weather: weather },
    stopWhen: isStepCount(3),
  };

  it('finishes a task with a tool', async () => {
    const result = await generateText({ model: provider('tiny'), ...task });
    expect(result.steps[0]?.finishReason).toBe('tool-calls');
    expect(result.steps[0]?.toolCalls).toMatchObject([
      { toolName: 'get_weather', input: { city: 'Bonn' } },
    ]);
    expect(result.text).toBe(ANSWER);
  });

  it('finishes a streamed task with a tool', async () => {
    const result = streamText({ model: provider('tiny'), ...task });
    expect(await result.text).toBe(ANSWER);
    const [first, second] = await result.steps;
    expect(first?.toolResults).toMatchObject([{ toolName: 'get_weather', output: 'sun' }]);
    expect(second?.finishReason).toBe('stop');
  });

  it('continues a text', async () => {
    const { text } = await generateText({
      model: provider.completionModel('tiny'),
      prompt: 'So?',
      maxOutputTokens: 40,
      maxRetries: 0,
    });
    expect(text).toBe('I cannot know.');
  });

  it('raises what the server refuses', async () => {
    const failure = generateText({
      model: provider('tiny'),
      prompt: QUESTION,
      maxRetries: 0,
      providerOptions: { qsft: { beta: -1 } },
    });
    await expect(failure).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('beta'),
    });
  });
});
