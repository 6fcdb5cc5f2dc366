// What the Python reference computed for the tiny policy: `test/fixtures/parity.json`.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ScoreEditParameters } from '../../src/policy/parameters.ts';

const extraction = z.enum(['kl', 'entropy', 'greedy', 'behavior']);
const q = z.enum(['probability', 'ratio']);

/** Neutral where nothing is edited. */
const edits = {
  repetition_penalty: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  logit_bias: z.array(z.tuple([z.int(), z.number()])),
  min_tokens: z.int(),
  allowed_token_ids: z.array(z.int()).nullable(),
  banned_sequences: z.array(z.array(z.int())),
};

const paritySchema = z.object({
  uniforms: z.array(
    z.object({ seed: z.number(), choice: z.int(), step: z.int(), uniform: z.number() }),
  ),
  draws: z.array(
    z.object({
      scores: z.array(z.number()),
      temperature: z.number(),
      top_k: z.int(),
      top_p: z.number(),
      min_p: z.number(),
      uniform: z.number(),
      token: z.int(),
    }),
  ),
  edits: z.array(
    z.object({
      scores: z.array(z.number()),
      log_normalizer: z.number(),
      ...edits,
      prompt_ids: z.array(z.int()),
      answer_ids: z.array(z.int()),
      ending_ids: z.array(z.int()),
      edited: z.array(z.number()),
    }),
  ),
  distributions: z.array(
    z.object({
      prompt_ids: z.array(z.int()),
      behavior_logprobs: z.array(z.number().nullable()),
      value_probs: z.array(z.number()),
      policies: z.array(
        z.object({
          extraction,
          beta: z.number(),
          q,
          /** Null at reserved tokens. */
          logprobs: z.array(z.number().nullable()),
          log_normalizer: z.number(),
          kl: z.number(),
          argmax: z.int(),
        }),
      ),
    }),
  ),
  sequences: z.array(
    z.object({
      extraction,
      beta: z.number(),
      q,
      temperature: z.number(),
      top_k: z.int(),
      top_p: z.number(),
      min_p: z.number(),
      ...edits,
      ignore_eos: z.boolean(),
      stop_token_ids: z.array(z.int()),
      prompt_ids: z.array(z.int()),
      seed: z.number(),
      choice: z.int(),
      max_tokens: z.int(),
      tokens: z.array(z.int()),
      logprobs: z.array(z.number()),
      finish: z.enum(['eos', 'stop_token', 'length']),
    }),
  ),
});

export const parity = paritySchema.parse(
  JSON.parse(readFileSync(new URL('../fixtures/parity.json', import.meta.url), 'utf8')),
);

type WireEdits = Pick<(typeof parity.edits)[number], keyof typeof edits>;

export function editParameters(vector: WireEdits): ScoreEditParameters {
  return {
    repetitionPenalty: vector.repetition_penalty,
    presencePenalty: vector.presence_penalty,
    frequencyPenalty: vector.frequency_penalty,
    logitBias: vector.logit_bias,
    minTokens: vector.min_tokens,
    allowedTokenIds: vector.allowed_token_ids,
    bannedSequences: vector.banned_sequences,
  };
}

/** An integer seed as the two words the engine takes: its 64-bit two's complement, low first. */
export function seedWords(seed: number): [number, number] {
  const bits = BigInt.asUintN(64, BigInt(seed));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}
