// LangChain.js against the application: chat, streams and tools. The answers are scripted; what lies between is real.
import {
  AIMessageChunk,
  HumanMessage,
  SystemMessage,
  type ToolMessage,
} from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAI } from '@langchain/openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ScriptedServer } from './scripted-server.ts';
import { ANSWER, OPENING, QUESTION, serveWeather, weatherIn } from './weather.ts';

/** A byte is a token here. */
const USAGE = { output_tokens: 'I cannot know.'.length };

let server: ScriptedServer;
let model: ChatOpenAI;

beforeAll(async () => {
  server = await serveWeather();
  model = new ChatOpenAI({ model: 'tiny', ...connection(), modelKwargs: { beta: 7 } });
});

afterAll(() => server?.stop());

function connection() {
  return { apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.baseURL } };
}

const weather = tool(({ city }) => weatherIn(city), {
  name: 'get_weather',
  description: 'The weather now.',
  schema: z.object({ city: z.string() }),
});

describe('a LangChain chat model', () => {
  it('answers, with its usage and why it ended', async () => {
    const answer = await model.invoke([new SystemMessage('Be brief.'), new HumanMessage(QUESTION)]);
    expect(answer.content).toBe('I cannot know.');
    expect(answer.response_metadata).toMatchObject({ finish_reason: 'stop', model_name: 'tiny' });
    expect(answer).toMatchObject({ usage_metadata: USAGE });
    expect(server.bodies.at(-1)).toMatchObject({ beta: 7 });
  });

  it('streams an answer, with its usage in the end', async () => {
    const chunks: AIMessageChunk[] = [];
    for await (const chunk of await model.stream(QUESTION)) chunks.push(chunk);
    expect(chunks.map(({ content }) => content).join('')).toBe('I cannot know.');
    const whole = chunks.reduce((first, second) => first.concat(second));
    expect(whole).toMatchObject({ usage_metadata: USAGE });
    expect(whole.response_metadata.finish_reason).toBe('stop');
  });

  it.each(['whole', 'streamed'])('calls a tool and reads what it gave, %s', async (way) => {
    const withTool = model.bindTools([weather]);
    const ask = async (messages: (HumanMessage | AIMessageChunk | ToolMessage)[]) => {
      if (way === 'whole') return withTool.invoke(messages);
      const stream = await withTool.stream(messages);
      let whole: AIMessageChunk | undefined;
      for await (const chunk of stream) whole = whole?.concat(chunk) ?? chunk;
      return whole ?? new AIMessageChunk('');
    };
    const question = new HumanMessage(QUESTION);
    const first = await ask([question]);
    expect(first.text.trim()).toBe(OPENING);
    expect(first.tool_calls).toEqual([
      { type: 'tool_call', id: expect.any(String), name: 'get_weather', args: { city: 'Bonn' } },
    ]);
    const [call] = first.tool_calls ?? [];
    const given: ToolMessage = await weather.invoke({
      ...call,
      name: 'get_weather',
      args: { city: 'Bonn' },
      type: 'tool_call',
    });
    expect((await ask([question, first, given])).content).toBe(ANSWER);
  });

  it('sends a batch', async () => {
    const answers = await model.batch([QUESTION, 'And in Rome?']);
    expect(answers.map(({ content }) => content)).toEqual(['I cannot know.', 'I cannot know.']);
  });
});

describe('a LangChain text model', () => {
  it('continues a text, whole and streamed', async () => {
    const text = new OpenAI({ model: 'tiny', ...connection(), maxTokens: 40 });
    expect(await text.invoke('So?')).toBe('I cannot know.');
    let streamed = '';
    for await (const piece of await text.stream('So?')) streamed += piece;
    expect(streamed).toBe('I cannot know.');
  });
});
