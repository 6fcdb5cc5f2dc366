// vLLM's fields about tokens, on conversations.
import { describe, expect, it } from 'vitest';
import { type ChatChunk, chatChunkSchema } from '../../src/http/schema/chat-response.ts';
import { byteLevelTokenizer } from '../generation/tokenizers.ts';
import { chatApp, said, WEATHER, WEATHER_CALL } from './chat-app.ts';
import { payloads } from './test-app.ts';

const PROMPT = '[user]Hi\n[assistant]';
const tokenizer = byteLevelTokenizer();
const idsOf = (text: string) => tokenizer.encode(text);

async function chunks(response: Response): Promise<ChatChunk[]> {
  const events = payloads(await response.text()).slice(0, -1);
  return events.map((event) => chatChunkSchema.strict().parse(JSON.parse(event)));
}

describe('return_token_ids', () => {
  it('gives the ids of the prompt once and those of each answer', async () => {
    const { reply } = chatApp(['Yo', 'Hey']);
    const { choices, prompt_token_ids } = await reply({ n: 2, return_token_ids: true });
    expect(prompt_token_ids).toEqual(idsOf(PROMPT));
    expect(choices.map(({ token_ids }) => token_ids)).toEqual([idsOf('Yo'), idsOf('Hey')]);
    const plain = await reply({});
    expect(plain).not.toHaveProperty('prompt_token_ids');
    expect(plain.choices[0]).not.toHaveProperty('token_ids');
  });

  it('streams them, those of calls too, the prompt with the role', async () => {
    const text = `Wait.${WEATHER_CALL}`;
    const { chat } = chatApp([text]);
    const [first, ...others] = await chunks(
      await chat({ stream: true, tools: [WEATHER], return_token_ids: true }),
    );
    expect(first).toMatchObject({ choices: [{ delta: { role: 'assistant' } }] });
    expect(tokenizer.decode(first?.prompt_token_ids ?? [])).toMatch(/\[assistant\]$/);
    expect(others.some((chunk) => 'prompt_token_ids' in chunk)).toBe(false);
    const ids = others.flatMap((chunk) => chunk.choices[0]?.token_ids ?? []);
    expect(ids).toEqual(idsOf(text));
  });
});

describe('prompt_logprobs', () => {
  it('rates each token of the conversation, as the template writes it', async () => {
    const { reply } = chatApp(['Yo']);
    const { prompt_logprobs, choices } = await reply({ prompt_logprobs: 1 });
    expect(prompt_logprobs).toHaveLength(PROMPT.length);
    expect(prompt_logprobs?.[0]).toBeNull();
    const [, second] = idsOf(PROMPT);
    expect(prompt_logprobs?.[1]?.[String(second)]).toEqual({
      logprob: -1.5,
      rank: null,
      decoded_token: 'u',
    });
    expect(choices[0]?.logprobs).toBeNull();
  });

  it('is refused in a stream', async () => {
    const response = await chatApp(['Yo']).chat({ prompt_logprobs: 1, stream: true });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'prompt_logprobs' } });
  });
});

describe('truncate_prompt_tokens', () => {
  it('keeps the last tokens of what the template makes', async () => {
    const { reply, prompts } = chatApp(['Yo']);
    const { usage } = await reply({ truncate_prompt_tokens: 11 });
    expect(prompts()).toEqual(['[assistant]']);
    expect(usage.prompt_tokens).toBe(11);
  });

  it('keeps with -1 what leaves room for the answer, which must be said where it matters', async () => {
    const { reply, chat, prompts } = chatApp(['Yo'], { maxLength: 20 });
    const cut = { truncate_prompt_tokens: -1 };
    await reply({ ...cut, max_completion_tokens: 6 });
    expect(prompts()).toEqual([PROMPT.slice(-14)]);
    const refused = await chat(cut);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: {
        param: 'truncate_prompt_tokens',
        message:
          'truncate_prompt_tokens is -1 and the prompt has 20 tokens, more than fit into 20: say how many the answer may have.',
      },
    });
    const fitting = chatApp(['Yo']);
    await fitting.reply(cut);
    expect(fitting.prompts()).toEqual([PROMPT]);
  });
});

describe('echo', () => {
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Good' },
  ];

  it("begins each answer with the assistant's last message, whole and streamed", async () => {
    const { reply, chat } = chatApp([' day', ' bye']);
    const asked = { messages, continue_final_message: true, echo: true, n: 2 };
    const { choices, usage } = await reply(asked);
    expect(choices.map(({ message }) => message.content)).toEqual(['Good day', 'Good bye']);
    expect(usage.completion_tokens).toBe(8);
    const all = await chunks(await chat({ ...asked, n: 1, stream: true }));
    const texts = all.map(({ choices: [choice] }) => choice?.delta.content);
    expect(texts).toEqual(['', 'Good', ' ', 'd', 'a', 'y', undefined]);
  });

  it('leaves out what somebody else has said last', async () => {
    const { choices } = await chatApp(['Yo']).reply({ echo: true });
    expect(choices[0]?.message.content).toBe('Yo');
  });
});

describe('return_tokens_as_token_ids', () => {
  it('names tokens and alternatives by their ids', async () => {
    const { reply } = chatApp([said('Y')]);
    const asked = { logprobs: true, top_logprobs: 1, return_tokens_as_token_ids: true };
    const [id = 0] = idsOf('Y');
    const [token] = (await reply(asked)).choices[0]?.logprobs?.content ?? [];
    expect(token).toMatchObject({
      token: `token_id:${id}`,
      top_logprobs: [{ token: `token_id:${id + 1}` }],
    });
    expect(Buffer.from(token?.bytes ?? []).toString()).toBe(`token_id:${id}`);
  });
});

describe('stop, in responses', () => {
  it('ends the answer as in chats', async () => {
    const { app } = chatApp(['One. Two.']);
    const response = await app.request('/v1/responses', {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', input: 'Hi', stop: '. ' }),
    });
    expect(response.headers.has('x-ignored-fields')).toBe(false);
    expect(await response.json()).toMatchObject({ output: [{ content: [{ text: 'One' }] }] });
  });
});
