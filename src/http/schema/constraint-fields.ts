// Fields that say what an answer's text must be.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { listField } from './collections.ts';
import {
  absentField,
  booleanField,
  boundedTextField,
  choiceField,
  type Fields,
  jsonObjectField,
  strictField,
  textField,
  wellFormed,
} from './fields.ts';

export type ConstraintFields = Fields<typeof constraintFields>;

export function constraintFields(limits: Limits) {
  const instead = 'use structured_outputs';
  return {
    structured_outputs: structuredOutputsField(limits),
    guided_json: absentField(instead),
    guided_regex: absentField(instead),
    guided_choice: absentField(instead),
    guided_grammar: absentField(instead),
  };
}

const KINDS = ['json', 'regex', 'choice', 'grammar'] as const;

function structuredOutputsField(limits: Limits) {
  const text = () => wellFormed(boundedTextField(1, limits.maxGrammarChars));
  return strictField({
    json: z
      .union(
        [schemaField(limits), text()],
        `must be a JSON Schema of at most ${limits.maxGrammarChars} characters, as an object or as text`,
      )
      .nullish()
      .meta({ description: 'The answer is JSON by this schema.' }),
    regex: text().nullish().meta({ description: 'The whole answer matches this (ECMA-262).' }),
    grammar: text().nullish().meta({
      description: "The answer is by this grammar, in XGrammar's EBNF; its first rule is `root`.",
    }),
    choice: candidatesField(limits).nullish().meta({
      description:
        'The answer is one of these texts. Each is scored whole, as a continuation of the prompt, and one is drawn in proportion (see `choice_method`); `qsft.choices` of the response has them all.',
    }),
    choice_method: choiceField(['score', 'tokens']).nullish().meta({
      description:
        'score: the policy scores each candidate and one is drawn by that. tokens: tokens are drawn one by one, of those with which a candidate goes on.',
      default: 'score',
    }),
  })
    .superRefine((fields, context) => {
      const given = KINDS.filter((kind) => fields[kind] != null);
      if (given.length !== 1) {
        const message = `must have one of ${KINDS.join(', ')}, not ${given.length === 0 ? 'none' : given.join(' and ')}`;
        context.addIssue({ code: 'custom', path: [], message });
      }
      if (fields.choice_method != null && fields.choice == null) {
        context.addIssue({ code: 'custom', path: ['choice_method'], message: 'needs choice' });
      }
    })
    .nullish()
    .meta({ description: 'What the text of an answer must be: one of four kinds of rules.' });
}

function candidatesField({ maxN, maxPromptChars }: Limits) {
  return listField(wellFormed(boundedTextField(1, maxPromptChars)), {
    min: 1,
    max: maxN,
    length: `must have 1 to ${maxN} texts`,
    kind: 'must be a list of texts',
  })
    .refine((texts) => new Set(texts).size === texts.length, { error: 'must not repeat a text' })
    .refine((texts) => texts.reduce((sum, { length }) => sum + length, 0) <= maxPromptChars, {
      error: `must have at most ${maxPromptChars} characters in all`,
    });
}

function schemaField(limits: Limits) {
  const { maxGrammarChars } = limits;
  return jsonObjectField(limits).refine(
    (schema) => JSON.stringify(schema).length <= maxGrammarChars,
    { error: `must have at most ${maxGrammarChars} characters as JSON` },
  );
}

/** What names and describes a schema; whether `strict` or not, the answer is by it. */
function namedSchema(limits: Limits) {
  return {
    name: textField().nullish(),
    description: textField().nullish(),
    schema: schemaField(limits),
    strict: booleanField().nullish(),
  };
}

const TYPES = 'must be text, json_object or json_schema';

export interface ResponseFormatFields {
  readonly response_format?: z.infer<ReturnType<typeof responseFormatField>>;
}

/** Of chats and, as vLLM has it, of completions. */
export function responseFormatField(limits: Limits) {
  return formatField(
    z.object({
      type: z.literal('json_schema'),
      json_schema: z.object(namedSchema(limits), 'must be an object'),
    }),
  );
}

/** Of responses. */
export function textFormatField(limits: Limits) {
  return formatField(z.object({ type: z.literal('json_schema'), ...namedSchema(limits) }));
}

function formatField<Schema extends z.ZodObject<{ type: z.ZodLiteral<'json_schema'> }>>(
  withSchema: Schema,
) {
  return z
    .discriminatedUnion(
      'type',
      [
        z.object({ type: z.literal('text') }),
        z.object({ type: z.literal('json_object') }),
        withSchema,
      ],
      {
        error: ({ code }) => (code === 'invalid_union' ? TYPES : 'must be an object'),
      },
    )
    .nullish()
    .meta({ description: 'JSON of any shape, or by a schema; text is the default.' });
}
