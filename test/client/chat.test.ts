// The official client in conversation with a real server: the bundled policy plays Wordle as chat messages.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';

type Message = OpenAI.Chat.ChatCompletionMessageParam;

let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  server = await startServerProcess(['--threads', '1', '--max-sequences', '4']);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server?.stop('SIGKILL');
});

/** Wordle's answer to a guess: green, then yellow for letters that are left, from left to right. */
function feedback(guess: string, secret: string): string {
  const letters = [...guess];
  const left = [...secret].filter((letter, place) => letter !== letters[place]);
  return letters
    .map((letter, place) => {
      if (secret[place] === letter) return 'g';
      const found = left.indexOf(letter);
      if (found === -1) return 'b';
      left.splice(found, 1);
      return 'y';
    })
    .join(' ');
}

describe('a game of Wordle as a chat', () => {
  it.each(['title', 'crazy', 'house'])(
    'is won for %s, guess for guess as in text',
    async (secret) => {
      const messages: Message[] = [{ role: 'user', content: 'Let us play Wordle.' }];
      let transcript = 'Wordle:\n';
      let guess = '';
      for (let turn = 0; turn < 6 && guess !== secret; turn += 1) {
        const asked = { model: 'wordle', seed: 7 + turn };
        const chat = await client.chat.completions.create({ ...asked, messages, logprobs: true });
        const text = await client.completions.create({
          ...asked,
          prompt: transcript,
          max_tokens: 20,
          stop: '\n',
          logprobs: 0,
        });
        const [said] = chat.choices;
        const content = said?.message.content ?? '';
        expect(said?.finish_reason).toBe('stop');
        expect(said?.logprobs?.content?.map(({ token }) => token)).toEqual(
          text.choices[0]?.logprobs?.tokens,
        );
        expect(content).toBe(text.choices[0]?.text);
        expect(chat.usage?.prompt_tokens).toBe(text.usage?.prompt_tokens);
        guess = content.replaceAll(' ', '');
        const reply = feedback(guess, secret);
        messages.push({ role: 'assistant', content }, { role: 'user', content: reply });
        transcript += `${content}\n${reply}\n`;
      }
      expect(guess).toBe(secret);
    },
  );

  it('pays in each turn only for what the turn adds', async () => {
    const messages: Message[] = [
      { role: 'user', content: 'Wordle:' },
      { role: 'assistant', content: 'f l u f f' },
      { role: 'user', content: 'b b b b b' },
      { role: 'assistant', content: 'm u m m y' },
      { role: 'user', content: 'b b b b b' },
    ];
    const ask = () => client.chat.completions.create({ model: 'wordle', seed: 1, messages });
    const first = await ask();
    expect(first.usage?.prompt_tokens).toBe(21);
    messages.push(
      { role: 'assistant', content: first.choices[0]?.message.content ?? '' },
      { role: 'user', content: 'b y b b b' },
    );
    const second = await ask();
    expect(second.usage?.prompt_tokens).toBe(31);
    // The answer, which was decoded, is run once more as a part of the prompt.
    expect(second.usage?.prompt_tokens_details?.cached_tokens).toBe(21);
  });

  it('streams a guess', async () => {
    const stream = client.chat.completions.stream({
      model: 'wordle',
      seed: 3,
      messages: [{ role: 'user', content: 'Wordle:' }],
      stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.message.content).toMatch(/^([a-z] ){4}[a-z]$/);
    expect(final.choices[0]?.finish_reason).toBe('stop');
    expect(final.usage?.completion_tokens).toBe(5);
  });

  it('steers by beta, in its own field or behind the model’s name', async () => {
    const messages: Message[] = [{ role: 'user', content: 'Wordle:' }];
    const named = await client.chat.completions.create({ model: 'wordle@beta=2', messages });
    expect(named).toMatchObject({ qsft: { beta: 2 } });
    const body = { model: 'wordle', messages, beta: 3, qsft: { details: true } };
    const detailed = await client.chat.completions.create(body);
    expect(detailed).toMatchObject({ qsft: { beta: 3 } });
    expect(detailed.choices[0]?.logprobs?.content?.[0]).toHaveProperty('qsft.behavior_logprob');
  });

  it('gives the same guess as a response', async () => {
    const request = { model: 'wordle', input: 'Wordle:', store: false, seed: 5 };
    const response = await client.responses.create(request);
    const chat = await client.chat.completions.create({
      model: 'wordle',
      seed: 5,
      messages: [{ role: 'user', content: 'Wordle:' }],
    });
    expect(response.output_text).toBe(chat.choices[0]?.message.content);
    expect(response.usage?.output_tokens).toBe(5);
    const { model, input } = request;
    const { input_tokens } = await client.responses.inputTokens.count({ model, input });
    expect(input_tokens).toBe(response.usage?.input_tokens);
  });

  it('says what the model cannot read', async () => {
    const failure = client.chat.completions.create({
      model: 'wordle',
      messages: [
        { role: 'user', content: 'Wordle:' },
        { role: 'assistant', content: 'HELLO' },
      ],
    });
    await expect(failure).rejects.toMatchObject({ status: 400, param: 'messages' });
  });
});
