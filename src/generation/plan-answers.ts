// What the engine is asked for, answer by answer, and the decoder that will read each.
import type { Engine, SequenceInput } from '../engine/client.ts';
import type { PolicyParameters } from '../engine/messages.ts';
import { ChoiceDecoder } from './choice-decoder.ts';
import { type PreparedPrompt, preparePrompt } from './prepare-prompt.ts';
import type { GenerationRequest } from './request.ts';
import { resolveEdits } from './score-edits.ts';
import { randomSeedWords, type SeedWords, seedWords } from './seed.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface PlannedAnswer {
  readonly input: SequenceInput;
  readonly decoder: ChoiceDecoder;
}

export interface AnswerPlan {
  /** In the order of their indices: all answers to the first prompt, then to the next. */
  readonly answers: readonly PlannedAnswer[];
  /** Each prompt counted once, however many answers it gets. */
  readonly promptTokens: number;
}

export async function planAnswers(
  request: GenerationRequest,
  policy: PolicyParameters,
  engine: Engine,
  tokenizer: TextTokenizer,
): Promise<AnswerPlan> {
  const edits = await resolveEdits(request, engine.manifest, tokenizer);
  const prompts = await Promise.all(
    request.prompts.map((prompt) => preparePrompt(prompt, request, engine, tokenizer)),
  );
  const voice = {
    tokenizer,
    supportThreshold: engine.manifest.support_threshold,
    special: request.skipSpecialTokens ? ('dropped' as const) : ('kept' as const),
  };
  const seed = request.seed === null ? randomSeedWords() : seedWords(request.seed);
  const answers = prompts.flatMap((prompt, promptIndex) =>
    Array.from({ length: request.bestOf }, (_, choice) => ({
      input: { ...sequenceInput(request, prompt, policy, seed, choice), edits, mask: null },
      decoder: new ChoiceDecoder(voice, {
        index: promptIndex * request.bestOf + choice,
        promptIds: prompt.ids,
        maxTokens: prompt.maxTokens,
        stopStrings: request.stopStrings,
        includeStop: request.includeStop,
        topLogprobs: request.topLogprobs,
        promptLogprobs: request.promptLogprobs,
        details: request.details,
        echoText: prompt.echoText,
      }),
    })),
  );
  return { answers, promptTokens: prompts.reduce((sum, { ids }) => sum + ids.length, 0) };
}

function sequenceInput(
  request: GenerationRequest,
  { ids, maxTokens }: PreparedPrompt,
  policy: PolicyParameters,
  seed: SeedWords,
  choice: number,
): Omit<SequenceInput, 'edits' | 'mask'> {
  const { temperature, topK, topP, minP, topLogprobs, promptLogprobs } = request;
  const scoresPrompt = promptLogprobs !== null || (request.echo && topLogprobs !== null);
  const reportsTokens = topLogprobs !== null || promptLogprobs !== null;
  return {
    promptIds: ids,
    maxTokens,
    policy,
    sampling: { temperature, topK, topP, minP, seed, choice },
    ignoreEos: request.ignoreEos,
    stopTokenIds: request.stopTokenIds,
    topLogprobs: reportsTokens ? Math.max(topLogprobs ?? 0, promptLogprobs ?? 0) : null,
    details: request.details,
    scoreFrom: scoresPrompt ? 1 : null,
    caller: request.caller,
    priority: request.priority,
    cacheScope: request.cacheScope,
  };
}
