// The OpenAI Agents SDK, over /v1/responses: providerData goes into the request.
import { Agent, OpenAIProvider, Runner } from '@openai/agents';

const runner = new Runner({
  modelProvider: new OpenAIProvider({ baseURL: 'http://127.0.0.1:8000/v1', apiKey: 'none' }),
  tracingDisabled: true,
});
const player = new Agent({
  name: 'player',
  model: 'wordle',
  modelSettings: { providerData: { beta: 64 } },
});
const { finalOutput } = await runner.run(player, 'Let us play Wordle.');
console.log(finalOutput);
