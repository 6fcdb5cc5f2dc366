// The body of POST /v1/completions. OpenAI's clients send null for what they leave out, so every
// optional field may be null.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { seedField, stopField, streamFields } from './answer-fields.ts';
import { listField } from './collections.ts';
import { findProblem } from './completion-rules.ts';
import { constraintFields, responseFormatField } from './constraint-fields.ts';
import {
  absentField,
  booleanField,
  integerField,
  MAX_INT32,
  modelField,
  textField,
  wellFormed,
} from './fields.ts';
import { policyFields } from './policy-fields.ts';
import { fieldReadBy, type Reading, readBy } from './read-field.ts';
import { samplingFields } from './sampling-fields.ts';
import { tokenFields } from './token-fields.ts';
import { tokenIdsField } from './token-ids.ts';

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

function promptSchema({ maxPromptChars, maxN }: Limits) {
  const kind =
    'must be a string, a list of strings, a list of token ids or a list of such lists, none of them empty';
  const several = { min: 1, max: maxN, kind, length: `must make at most ${maxN} answers` };
  const text = wellFormed(textField());
  const texts = listField(text, several);
  const ids = tokenIdsField({ min: 1, kind: 'must be a list of token ids, not empty' });
  const idLists = listField(ids, several);
  return fieldReadBy(z.union([text, texts, ids, idLists]), (given): Reading<Prompts> => {
    const length = lengthOf(given);
    if (length > maxPromptChars) {
      const limit = `at most ${maxPromptChars} characters or token ids in all`;
      return { problem: `must be ${limit}, not ${length}` };
    }
    if (typeof given === 'string') return readBy(text, given);
    if (!Array.isArray(given) || given.length === 0) return { problem: kind };
    // The first entry tells which of them it is meant to be.
    const [first] = given;
    if (typeof first === 'string') return readBy(texts, given);
    return typeof first === 'number' ? readBy(ids, given) : readBy(idLists, given);
  }).meta({ description: 'Text to continue, as a string or as token ids; or several of them.' });
}

type Prompts = string | readonly string[] | readonly number[] | readonly (readonly number[])[];

/** A list of numbers is one prompt; every other list is one prompt an entry. */
export function promptList(prompts: Prompts): readonly (string | readonly number[])[] {
  if (typeof prompts === 'string') return [prompts];
  return isTokenIds(prompts) ? [prompts] : (prompts as readonly (string | readonly number[])[]);
}

function isTokenIds(prompts: Exclude<Prompts, string>): prompts is readonly number[] {
  return typeof prompts[0] === 'number';
}

/** Of a text, of a list of ids, or of the entries of a list together. */
function lengthOf(given: unknown): number {
  if (typeof given === 'string') return given.length;
  if (!Array.isArray(given)) return 1;
  return given.reduce((sum, item) => sum + (Array.isArray(item) ? item.length : lengthOf(item)), 0);
}
