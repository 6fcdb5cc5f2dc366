// The body of POST /v1/completions. OpenAI's clients send null for what they leave out, so every
// optional field may be null.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { seedField, stopField, streamFields } from './answer-fields.ts';
import {
  booleanField,
  integerField,
  isIllFormed,
  MAX_INT32,
  neutralField,
  textField,
} from './fields.ts';
import { policyFields } from './policy-fields.ts';
import { samplingFields } from './sampling-fields.ts';

export type CompletionBody = z.infer<ReturnType<typeof completionRequestSchema>>;

export function completionRequestSchema(limits: Limits) {
  return z
    .object({
      model: textField().meta({ description: 'Id of the policy, as GET /v1/models lists it.' }),
      prompt: promptSchema(limits),
      max_tokens: integerField(1, MAX_INT32).nullish().meta({
        description: 'Most tokens of an answer. Left out: 16, or as many as fit after the prompt.',
        default: 16,
      }),
      n: integerField(1, limits.maxN).nullish().meta({
        description: 'Answers to each prompt.',
        default: 1,
      }),
      stop: stopField(),
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
        description: 'Only 1 or the value of `n`: answers are not ranked.',
      }),
      suffix: neutralField('').nullish(),
      ...samplingFields(),
    })
    .superRefine((body, context) => {
      const n = body.n ?? 1;
      if (body.best_of != null && body.best_of !== 1 && body.best_of !== n) {
        context.addIssue({
          code: 'custom',
          path: ['best_of'],
          message: `is not supported; leave it out or set it to the value of n (${n})`,
        });
      }
      const answers = promptList(body.prompt).length * n;
      if (answers > limits.maxN) {
        context.addIssue({
          code: 'custom',
          path: [body.n == null ? 'prompt' : 'n'],
          message: `must make at most ${limits.maxN} answers (prompts times n), not ${answers}`,
        });
      }
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
      {
        error: 'must be well-formed Unicode',
      },
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
