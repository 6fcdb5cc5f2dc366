// The tools a request offers, and what it says of their use.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { listField } from './collections.ts';
import { booleanField, jsonObjectField, textField } from './fields.ts';

const NAME_RULE = 'must be 1 to 64 letters, digits, underscores or dashes';

export function toolNameField() {
  return z.string(NAME_RULE).regex(/^[A-Za-z0-9_-]{1,64}$/, NAME_RULE);
}

/** `tool` is how the route writes one. */
export function toolsField<Tool extends z.ZodType>(tool: Tool, { maxTools }: Limits) {
  return listField(tool, {
    max: maxTools,
    length: `must have at most ${maxTools} tools`,
    kind: 'must be a list of tools',
  }).nullish();
}

/** What describes a function. */
export function functionShape(limits: Limits) {
  return {
    name: toolNameField(),
    description: textField().nullish(),
    parameters: jsonObjectField(limits)
      .nullish()
      .meta({ description: "The arguments' JSON Schema." }),
    strict: booleanField().nullish().meta({
      description:
        'Calls have arguments by this schema, or the request is refused; otherwise it is a hint, kept to where calls are forced and it can be.',
    }),
  };
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

/** `named` is how the route names one function. */
export function toolChoiceField<Named extends z.ZodType>(named: Named) {
  const rule = 'must be auto, none, required or an object that names a function';
  return z
    .union([z.enum(['auto', 'none', 'required']), named], rule)
    .nullish()
    .meta({
      description:
        'auto: the model decides whether to call a tool; none: it is not told of the tools; required: it calls at least one; or the one function that it calls.',
    });
}

export function parallelToolCallsField() {
  return booleanField().nullish().meta({
    description: 'false: an answer ends with its first call.',
    default: true,
  });
}
