// What every benchmark asks of the engine: the paper's policy, sampled plainly, an answer of full length.
import type { SequenceInput } from '../../src/engine/client.ts';
import { randomPrompt } from './prompts.ts';

export function plainSequence(
  promptTokens: number,
  answerTokens: number,
  temperature: number,
  choice: number,
): SequenceInput {
  return {
    promptIds: randomPrompt(promptTokens),
    maxTokens: answerTokens,
    policy: { extraction: 'kl', beta: 1, q: 'probability' },
    sampling: { temperature, topK: 0, topP: 1, minP: 0, seed: [1, 0], choice },
    priority: 0,
    caller: null,
    cacheScope: '',
    edits: null,
    mask: null,
    ignoreEos: true,
    stopTokenIds: [],
    topLogprobs: null,
    details: false,
    scoreFrom: null,
  };
}
