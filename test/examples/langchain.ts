// LangChain: modelKwargs go into every request.
import { ChatOpenAI } from '@langchain/openai';

const model = new ChatOpenAI({
  model: 'wordle',
  apiKey: 'none',
  configuration: { baseURL: 'http://127.0.0.1:8000/v1' },
  modelKwargs: { beta: 64 },
});
const answer = await model.invoke('Let us play Wordle.');
console.log(answer.content);
