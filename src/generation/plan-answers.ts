// What the engine is asked for, answer by answer, and the decoder that will read each.
import type { Engine, SequenceInput } from '../engine/client.ts';
import type { PolicyParameters } from '../engine/messages.ts';
import { ChoiceDecoder } from './choice-decoder.ts';
import { checkMinTokens, encodePrompt, resolveMaxTokens } from './context-length.ts';
import type { GenerationRequest, Prompt } from './request.ts';
import { checkTokenIds, resolveEdits } from './score-edits.ts';
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

export function planAnswers(
  request: GenerationRequest,
  policy: PolicyParameters,
  engine: Engine,
  tokenizer: TextTokenizer,
): AnswerPlan {
  checkTokenIds(request, engine.manifest);
  const prompts = request.prompts.map((prompt) =>
    preparePrompt(prompt, request, engine, tokenizer),
  );
  const seed = request.seed === null ? randomSeedWords() : seedWords(request.seed);
  const answers = prompts.flatMap((prompt, promptIndex) =>
    Array.from({ length: request.choicesPerPrompt }, (_, choice) => ({
      input: sequenceInput(request, prompt, policy, seed, choice),
      decoder: new ChoiceDecoder(tokenizer, {
        index: promptIndex * request.choicesPerPrompt + choice,
        promptIds: prompt.ids,
        maxTokens: prompt.maxTokens,
        stopStrings: request.stopStrings,
        reportsTokens: request.topLogprobs !== null,
        echoText: prompt.echoText,
      }),
    })),
  );
  return { answers, promptTokens: prompts.reduce((sum, { ids }) => sum + ids.length, 0) };
}

interface PreparedPrompt {
  readonly ids: readonly number[];
  readonly maxTokens: number;
  readonly echoText: string | null;
}

function preparePrompt(
  prompt: Prompt,
  request: GenerationRequest,
  { manifest, model }: Engine,
  tokenizer: TextTokenizer,
): PreparedPrompt {
  const ids = encodePrompt(tokenizer, prompt, manifest.vocab_size);
  const maxTokens = resolveMaxTokens(request, ids.length, model.maxLength);
  checkMinTokens(request.minTokens, maxTokens);
  if (!request.echo) return { ids, maxTokens, echoText: null };
  return { ids, maxTokens, echoText: typeof prompt === 'string' ? prompt : tokenizer.decode(ids) };
}

function sequenceInput(
  request: GenerationRequest,
  { ids, maxTokens }: PreparedPrompt,
  policy: PolicyParameters,
  seed: SeedWords,
  choice: number,
): SequenceInput {
  const { temperature, topK, topP, minP, topLogprobs } = request;
  return {
    promptIds: ids,
    maxTokens,
    policy,
    sampling: { temperature, topK, topP, minP, seed, choice },
    edits: resolveEdits(request),
    ignoreEos: request.ignoreEos,
    stopTokenIds: request.stopTokenIds,
    topLogprobs,
    details: false,
    scoreFrom: request.echo && topLogprobs !== null ? 1 : null,
    priority: request.priority,
    cacheScope: request.cacheScope,
  };
}
