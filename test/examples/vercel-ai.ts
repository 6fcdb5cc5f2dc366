// The Vercel AI SDK: providerOptions under the provider's name go into the request.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText } from 'ai';

const qsft = createOpenAICompatible({ name: 'qsft', baseURL: 'http://127.0.0.1:8000/v1' });
const { text } = await generateText({
  model: qsft('wordle'),
  prompt: 'Let us play Wordle.',
  providerOptions: { qsft: { beta: 64 } },
});
console.log(text);
