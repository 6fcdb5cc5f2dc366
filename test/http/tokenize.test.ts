// POST /tokenize of conversations: what the policy's template makes of them, as a chat would have it.
import { describe, expect, it } from 'vitest';
import { byteLevelTokenizer } from '../generation/tokenizers.ts';
import { chatApp, WEATHER } from './chat-app.ts';

const messages = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Yo' },
];

async function tokenize(body: object, template?: null) {
  const { app } = chatApp(['ok'], template === null ? { template } : {});
  const response = await app.request('/tokenize', { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('POST /tokenize', () => {
  it.each([
    ['', { messages }],
    ['with tools', { messages, tools: [WEATHER] }],
    ['without a beginning of the answer', { messages, add_generation_prompt: false }],
    ['that goes on', { messages, continue_final_message: true }],
  ])('gives the tokens that a chat would begin with: %s', async (_, conversation) => {
    const { chat, submitted } = chatApp(['ok']);
    expect((await chat(conversation)).status).toBe(200);
    const { status, body } = await tokenize(conversation);
    expect(status).toBe(200);
    expect(body).toMatchObject({ tokens: submitted[0]?.promptIds });
    expect(byteLevelTokenizer().decode(body.tokens as number[])).toContain('[user]Hi');
  });

  it.each([
    [{}, 'prompt is required and must be a string, or messages given.'],
    [{ prompt: 'a', messages }, 'messages cannot be used with prompt; a list of 2 was given.'],
    [{ messages: [] }, 'messages must be a list of 1 to'],
    [
      { messages: messages.slice(0, 1), continue_final_message: true },
      'continue_final_message needs a last message of role assistant; true was given.',
    ],
    [{ messages, chat_template: '{{ 1 }}' }, 'chat_template is not supported'],
  ])('refuses %j, saying why', async (conversation, message) => {
    const { status, body } = await tokenize(conversation);
    expect({ status, error: body.error }).toMatchObject({
      status: 400,
      error: { param: message.split(' ')[0], message: expect.stringContaining(message) },
    });
  });

  it('refuses conversations with a policy that has no template', async () => {
    const { status, body } = await tokenize({ messages }, null);
    expect({ status, error: body.error }).toMatchObject({
      status: 400,
      error: { param: 'model', message: expect.stringContaining('no chat template') },
    });
  });
});
