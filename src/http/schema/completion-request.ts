// The body of POST /v1/completions. OpenAI's clients send null for what they leave out, so every
// optional field may be null.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { seedField, stopField, streamFields } from './answer-fields.ts';
import { findProblem } from './completion-rules.ts';
import { constraintFields, responseFormatField } from './constraint-fields.ts';
import {
  absentField,
  booleanField,
  ILL_FORMED,
  integerField,
  isIllFormed,
  MAX_INT32,
  modelField,
  textField,
} from './fields.ts';
import { policyFields } from './policy-fields.ts';
import { samplingFields } from './sampling-fields.ts';
import { tokenFields } from './token-fields.ts';

export type CompletionBody = z.infer<ReturnType<typeof completionRequestSchema>>;

export function completionRequestSchema(limits: Limits) {
  return z
    .object({
      model: modelField(),
      prompt: promptSchema(limits),
      max_tokens: integerField(0, MAX_INT32).nullish().meta({
        description:
          'Most tokens of an answer. Left out: 16, or as many as fit after the prompt. 0 only scores the prompt, with `echo` or `prompt_logprobs`.',
        default: 16,
      }),
      n: integerField(1, limits.maxN).nullish().meta({
        description: 'Answers to each prompt.',
        default: 1,
      }),
      stop: stopField(limits),
      seed: seedField(),
      ...streamFields(),
      logprobs: integerField(0, limits.maxLogprobs).nullish().meta({
        description:
          'Report the log-probability of each token, and of this many most probable alternatives, under the combined policy before anything else acts on it.',
      }),
      echo: booleanField().nullish().meta({
        description: 'Begin each answer with its prompt; with `logprobs`, score the prompt too.',
        default: false,
      }),
      user: textField().nullish().meta({ description: 'Accepted and not used.' }),
      ...policyFields(limits),
      best_of: integerField(1, limits.maxN).nullish().meta({
        description:
          'Answers to write to each prompt, of which the `n` with the highest mean log-probability per token are given, best first. At least `n`, whose value it takes when left out. Not with `stream`, unless it is `n`.',
      }),
      suffix: textField().nullish().meta({
        description:
          'Text behind the gap that the answer fills, for a policy whose manifest has a fill_in_the_middle template.',
      }),
      add_special_tokens: booleanField().nullish().meta({
        description:
          'Put around a prompt of text what the tokenizer puts around texts: a beginning of sequence, above all. Left out: as in training, which the manifest says.',
      }),
      prompt_embeds: absentField('send text or token ids'),
      ...tokenFields(limits),
      ...samplingFields(limits),
      response_format: responseFormatField(limits),
      ...constraintFields(limits),
    })
    .superRefine((body, context) => {
      const [field, message] = findProblem(body, promptList(body.prompt).length, limits) ?? [];
      if (field !== undefined) context.addIssue({ code: 'custom', path: [field], message });
    });
}

function promptSchema(limits: Limits) {
  const tokenId = integerField(0, MAX_INT32);
  const tokenIds = z.array(tokenId).min(1, 'must not be empty');
  return z
    .union(
      [z.string(), z.array(z.string()).min(1), tokenIds, z.array(tokenIds).min(1)],
      'must be a string, a list of strings, a list of token ids or a list of such lists, none of them empty',
    )
    .refine((prompt) => promptLength(prompt) <= limits.maxPromptChars, {
      error: `must be at most ${limits.maxPromptChars} characters or token ids in all`,
    })
    .refine(
      (prompt) => !promptList(prompt).some((item) => typeof item === 'string' && isIllFormed(item)),
      { error: ILL_FORMED },
    )
    .meta({ description: 'Text to continue, as a string or as token ids; or several of them.' });
}

type Prompts = string | readonly string[] | readonly number[] | readonly (readonly number[])[];

/** A list of numbers is one prompt; every other list is one prompt an entry. */
export function promptList(prompt: Prompts): readonly (string | readonly number[])[] {
  if (typeof prompt === 'string') return [prompt];
  return isTokenIds(prompt) ? [prompt] : (prompt as readonly (string | readonly number[])[]);
}

function isTokenIds(prompt: Exclude<Prompts, string>): prompt is readonly number[] {
  return typeof prompt[0] === 'number';
}

function promptLength(prompt: Prompts): number {
  return promptList(prompt).reduce((sum, item) => sum + item.length, 0);
}
