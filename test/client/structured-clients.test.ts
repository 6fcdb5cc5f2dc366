// Answers that must be of some form, as the clients ask for them, from a real policy with random weights:
// what is legal is the grammar's, what of it is said is the policy's.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { Agent, tool as agentTool, OpenAIProvider, Runner } from '@openai/agents';
import { generateObject, generateText, Output, tool } from 'ai';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type JsonServer, startJsonServer } from './json-server.ts';

const LIGHT = z.object({ on: z.boolean() });
const question = { role: 'user', content: 'a' } as const;

let server: JsonServer;
let baseURL: string;
let client: OpenAI;

beforeAll(async () => {
  server = await startJsonServer();
  baseURL = `${server.url}/v1`;
  client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server?.end();
});

describe('the official client', () => {
  it('parses a chat by a schema', async () => {
    const { choices } = await client.chat.completions.parse({
      model: 'tiny',
      messages: [question],
      response_format: zodResponseFormat(LIGHT, 'light'),
    });
    expect(choices[0]?.message.parsed).toEqual({ on: expect.any(Boolean) });
  });

  it('parses a response by a schema', async () => {
    const { output_parsed } = await client.responses.parse({
      model: 'tiny',
      input: 'a',
      text: { format: zodTextFormat(LIGHT, 'light') },
    });
    expect(output_parsed).toEqual({ on: expect.any(Boolean) });
  });
});

describe('LangChain', () => {
  const model = () =>
    new ChatOpenAI({
      model: 'tiny',
      apiKey: 'none',
      maxRetries: 0,
      configuration: { baseURL },
    });

  it.each(['jsonSchema', 'functionCalling'] as const)(
    'has structured output by %s',
    async (method) => {
      const structured = model().withStructuredOutput(LIGHT, { name: 'f', method });
      expect(await structured.invoke('a')).toEqual({ on: expect.any(Boolean) });
    },
  );
});

describe('the AI SDK', () => {
  const model = () =>
    createOpenAICompatible({ name: 'qsft', baseURL, supportsStructuredOutputs: true })('tiny');

  it('generates an object', async () => {
    const { output } = await generateText({
      model: model(),
      prompt: 'a',
      maxRetries: 0,
      output: Output.object({ schema: LIGHT }),
    });
    expect(output).toEqual({ on: expect.any(Boolean) });
  });

  it('generates an object by its own function for that', async () => {
    const { object } = await generateObject({
      model: model(),
      prompt: 'a',
      maxRetries: 0,
      schema: LIGHT,
    });
    expect(object).toEqual({ on: expect.any(Boolean) });
  });

  it('forces a call', async () => {
    const { toolCalls } = await generateText({
      model: model(),
      prompt: 'a',
      maxRetries: 0,
      tools: { f: tool({ inputSchema: LIGHT }) },
      toolChoice: 'required',
    });
    expect(toolCalls).toMatchObject([{ toolName: 'f', input: { on: expect.any(Boolean) } }]);
  });
});

describe.each([
  ['responses', true],
  ['chat completions', false],
])('the Agents SDK over %s', (_, useResponses) => {
  const runner = () =>
    new Runner({
      modelProvider: new OpenAIProvider({ baseURL, apiKey: 'none', useResponses }),
      tracingDisabled: true,
    });

  it('has an output of a type', async () => {
    const agent = new Agent({ name: 'a', model: 'tiny', outputType: LIGHT });
    const { finalOutput } = await runner().run(agent, 'a');
    expect(finalOutput).toEqual({ on: expect.any(Boolean) });
  });

  it('forces a call, and ends with what the tool gave', async () => {
    const light = agentTool({
      name: 'f',
      description: 'a',
      parameters: LIGHT,
      execute: ({ on }) => `the light is ${on ? 'on' : 'off'}`,
    });
    const agent = new Agent({
      name: 'a',
      model: 'tiny',
      tools: [light],
      modelSettings: { toolChoice: 'required' },
      toolUseBehavior: 'stop_on_first_tool',
    });
    const { finalOutput } = await runner().run(agent, 'a');
    expect(finalOutput).toMatch(/^the light is (on|off)$/);
  });
});
