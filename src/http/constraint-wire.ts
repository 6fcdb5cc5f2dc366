// From the fields that say what a text must be to a generation's constraint, and what was chosen back.
import { ServerError } from '../errors.ts';
import type { Constraint, JsonSchema } from '../generation/constraint.ts';
import type { Generation } from '../generation/generator.ts';
import type { Limits } from './limits.ts';
import { finite } from './logprobs-wire.ts';
import type { PolicyReport } from './schema/completion-response.ts';
import type { ConstraintFields, ResponseFormatFields } from './schema/constraint-fields.ts';
import { jsonObjectField } from './schema/fields.ts';

/** `response_format` or `text.format`, whatever their shape, and the field's name. */
export interface AskedFormat {
  readonly param: string;
  readonly type: 'text' | 'json_object' | 'json_schema';
  readonly schema: JsonSchema | undefined;
}

/** What a request may not ask beside a choice among whole texts, unless it is neutral: nothing there is drawn by tokens. */
const OF_TOKENS = {
  best_of: 1,
  echo: false,
  suffix: '',
  truncate_prompt_tokens: null,
  logprobs: 0,
  top_logprobs: 0,
  prompt_logprobs: null,
  logit_bias: null,
  presence_penalty: 0,
  frequency_penalty: 0,
  repetition_penalty: 1,
  min_tokens: 0,
  allowed_token_ids: null,
  bad_words: null,
  tools: null,
} as const;

/** Of chats and completions. */
export function askedFormat({ response_format: format }: ResponseFormatFields): AskedFormat | null {
  if (format == null) return null;
  const isSchema = format.type === 'json_schema';
  return {
    type: format.type,
    schema: isSchema ? format.json_schema.schema : undefined,
    param: isSchema ? 'response_format.json_schema.schema' : 'response_format',
  };
}

export function toConstraint(
  body: ConstraintFields,
  asked: AskedFormat | null,
  limits: Limits,
): Constraint | null {
  const { structured_outputs: outputs } = body;
  const formatted = asked === null ? null : toFormatConstraint(asked);
  if (outputs == null) return formatted;
  if (formatted !== null) {
    const message = `structured_outputs and ${formatted.param} both say what the answer is: only one may.`;
    throw new ServerError('invalid_request', message, { param: 'structured_outputs' });
  }
  const { json, regex, choice, grammar } = outputs;
  const param = (name: string) => `structured_outputs.${name}`;
  if (json != null)
    return { kind: 'json_schema', schema: readSchema(json, limits), param: param('json') };
  if (regex != null) return { kind: 'regex', pattern: regex, param: param('regex') };
  if (grammar != null) return { kind: 'grammar', grammar, param: param('grammar') };
  const isWhole = outputs.choice_method !== 'tokens';
  if (isWhole) checkWhole(body);
  return { kind: 'choice', candidates: choice ?? [], isWhole, param: param('choice') };
}

function toFormatConstraint({ type, schema, param }: AskedFormat): Constraint | null {
  if (type === 'text') return null;
  return { kind: 'json_schema', schema: schema ?? { type: 'object' }, param };
}

function readSchema(json: string | Record<string, unknown>, limits: Limits): JsonSchema {
  if (typeof json !== 'string') return json;
  const refused = (reason: string) =>
    new ServerError('invalid_request', `structured_outputs.json ${reason}.`, {
      param: 'structured_outputs.json',
    });
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw refused('is a text that is no JSON');
  }
  const schema = jsonObjectField(limits).safeParse(value);
  if (!schema.success) throw refused(schema.error.issues[0]?.message ?? 'must be an object');
  return schema.data;
}

function checkWhole(body: object): void {
  const given = new Map(Object.entries(body));
  const refuse = (param: string, reason: string) => {
    const message = `${param} cannot be used with structured_outputs.choice ${reason}; see choice_method.`;
    throw new ServerError('invalid_request', message, { param });
  };
  for (const [field, neutral] of Object.entries(OF_TOKENS)) {
    const value: unknown = given.get(field);
    const isNeutral = value == null || value === neutral || value === false || isEmpty(value);
    const isOwn = field === 'best_of' && value === given.get('n');
    const isFlag = field === 'logprobs' && value === true;
    if (!isNeutral && !isOwn && !isFlag) refuse(field, 'where candidates are scored whole');
  }
  const prompt = given.get('prompt');
  const isList = Array.isArray(prompt) && prompt.length > 1 && typeof prompt[0] !== 'number';
  if (isList) refuse('prompt', 'and more than one prompt');
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** The policy as it was used, and what it thought of the texts it chose among. */
export function toPolicyReport({
  policy,
  candidates,
}: Pick<Generation, 'policy' | 'candidates'>): PolicyReport {
  if (candidates === null) return policy;
  const choices = candidates.map(({ text, logprob, probability }) => ({
    text,
    logprob: finite(logprob),
    probability,
  }));
  return { ...policy, choices };
}
