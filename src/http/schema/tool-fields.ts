// The tools a request offers, and what it says of their use. Forcing a call needs the answer's tokens to be
// constrained, which this server does not do yet.
import { z } from 'zod';
import { booleanField, jsonObjectField, textField } from './fields.ts';

export const MAX_TOOLS = 128;

const NAME_RULE = 'must be 1 to 64 letters, digits, underscores or dashes';

export function toolNameField() {
  return z.string(NAME_RULE).regex(/^[A-Za-z0-9_-]{1,64}$/, NAME_RULE);
}

/** What describes a function; `strict` is no more than a hint as long as nothing constrains the arguments. */
export function functionShape() {
  return {
    name: toolNameField(),
    description: textField().nullish(),
    parameters: jsonObjectField().nullish().meta({ description: "The arguments' JSON Schema." }),
    strict: booleanField().nullish(),
  };
}

export function toolChoiceField() {
  const rule =
    'must be "auto" or "none": a call cannot be forced, since answers are not constrained';
  return z.enum(['auto', 'none'], rule).nullish().meta({
    description:
      'auto: the model decides whether to call a tool; none: it is not told of the tools.',
  });
}

export function parallelToolCallsField() {
  return booleanField().nullish().meta({
    description: 'false: an answer ends with its first call.',
    default: true,
  });
}

/** Fields that would constrain an answer: refused, since an answer that ignored them would look as if it kept to them. */
export function constraintFields() {
  const refused = z
    .null('is not supported: answers are not constrained yet; leave it out')
    .optional()
    .meta({ description: 'Not supported yet: only null.' });
  return {
    structured_outputs: refused,
    guided_json: refused,
    guided_regex: refused,
    guided_choice: refused,
    guided_grammar: refused,
  };
}

export function textFormatType() {
  return z.literal('text', 'must be "text": answers are not constrained yet');
}
