// POST /v1/responses/input_tokens: what a response's usage would say, before there is one.
import { describe, expect, it } from 'vitest';
import { inputTokensSchema } from '../../src/http/schema/input-tokens.ts';
import { type ChatApp, chatApp, WEATHER } from './chat-app.ts';

const TOOL = { type: 'function', ...WEATHER.function };
const LONG = ['a', 'b'].flatMap((name) => [
  { role: 'user', content: name.repeat(500) },
  { role: 'assistant', content: name },
]);

function post({ app }: ChatApp, path: string, body: object): Promise<Response> {
  return Promise.resolve(app.request(path, { method: 'POST', body: JSON.stringify(body) }));
}

describe('POST /v1/responses/input_tokens', () => {
  it.each<[string, object]>([
    ['a text', { input: 'Hi' }],
    ['instructions and tools', { input: 'Hi', instructions: 'Be kind.', tools: [TOOL] }],
    ['tools that are not to be used', { input: 'Hi', tools: [TOOL], tool_choice: 'none' }],
    ['a conversation that is cut', { input: [...LONG, ...LONG, LONG[0]], truncation: 'auto' }],
    ['one cut for its answer', { input: LONG, truncation: 'auto', max_output_tokens: 1000 }],
  ])('counts what the response then is charged for: %s', async (_, body) => {
    const app = chatApp(['ok'], { maxLength: 1800 });
    const counted = await post(app, '/v1/responses/input_tokens', body);
    const { input_tokens } = inputTokensSchema.strict().parse(await counted.json());
    expect(app.submitted).toEqual([]);
    const answered = await post(app, '/v1/responses', { model: 'tiny', ...body });
    expect(await answered.json()).toMatchObject({ usage: { input_tokens } });
  });

  it('counts what is too long to be answered', async () => {
    const counted = await post(chatApp([], { maxLength: 20 }), '/v1/responses/input_tokens', {
      input: 'x'.repeat(100),
    });
    expect(counted.status).toBe(200);
    expect(inputTokensSchema.parse(await counted.json()).input_tokens).toBeGreaterThan(100);
  });

  it('counts instructions alone, and names what it does not know', async () => {
    const counted = await post(chatApp([]), '/v1/responses/input_tokens', {
      instructions: 'Be kind.',
      personality: 'friendly',
    });
    expect(counted.headers.get('x-ignored-fields')).toBe('personality');
    // Every byte is a token.
    expect(await counted.json()).toEqual({
      object: 'response.input_tokens',
      input_tokens: '[system]Be kind.\n[assistant]'.length,
    });
  });

  it.each<[object, string]>([
    [{ input: 3 }, 'input'],
    [{ input: 'x'.repeat(4000) }, 'input'],
    [{ input: 'Hi', previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ input: 'Hi', tool_choice: 'required' }, 'tool_choice'],
  ])('refuses what a response refuses: %j', async (body, param) => {
    const counted = await post(chatApp([]), '/v1/responses/input_tokens', body);
    const { error } = (await counted.json()) as { error: { param: string } };
    expect([counted.status, error.param]).toEqual([400, param]);
  });

  it('refuses tools where the policy has no format for their calls', async () => {
    const app = chatApp([], { toolParser: 'none' });
    const body = { input: 'Hi', tools: [TOOL] };
    const counted = await post(app, '/v1/responses/input_tokens', body);
    expect(await counted.json()).toMatchObject({ error: { param: 'tools' } });
  });
});
