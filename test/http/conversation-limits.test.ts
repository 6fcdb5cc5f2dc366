import { describe, expect, it } from 'vitest';
import { chatApp, WEATHER } from './chat-app.ts';

const user = { role: 'user', content: 'Hi' };
const app = chatApp(['Yes'], { limits: { maxMessages: 1, maxTools: 1 } });

describe('how much a conversation may have', () => {
  it.each([
    [
      '/v1/chat/completions',
      { messages: [user, user] },
      'messages must be a list of 1 to 1 entries',
    ],
    ['/v1/responses', { input: [user, user] }, 'input must be a list of 1 to 1 entries'],
    [
      '/v1/chat/completions',
      { messages: [user], tools: [WEATHER, WEATHER] },
      'tools must have at most 1 tools; a list of 2 was given.',
    ],
    [
      '/v1/responses',
      { input: [user], tools: Array(2).fill({ type: 'function', ...WEATHER.function }) },
      'tools must have at most 1 tools; a list of 2 was given.',
    ],
  ])('is what the server was started with: %s, %j', async (path, body, message) => {
    const response = await app.app.request(path, {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', ...body }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining(message) },
    });
  });
  it('does not matter to how a body of nothing but mistakes is refused', async () => {
    const { app: large } = chatApp(['Yes'], {
      limits: { maxBodyBytes: 1_000_000, maxBodyValues: 1_000_000 },
    });
    const calls = Array.from({ length: 70_000 }, () => ({}));
    for (const message of [
      { role: 'assistant', content: 'x', tool_calls: calls },
      { role: 'user', content: calls },
    ]) {
      const response = await large.request('/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify({ model: 'tiny', messages: [message] }),
      });
      expect(response.status).toBe(400);
    }
  });
});
