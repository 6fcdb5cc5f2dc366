// OpenAI's client for Node: fields of this server stand beside the others.
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: 'http://127.0.0.1:8000/v1', apiKey: 'none' });
const stream = await client.completions.create({
  model: 'wordle',
  prompt: 'Wordle:\n',
  max_tokens: 5,
  stream: true,
  // @ts-expect-error: the client's types do not know it; it is sent all the same
  beta: 64,
});
for await (const chunk of stream) console.log(chunk.choices[0]?.text);
