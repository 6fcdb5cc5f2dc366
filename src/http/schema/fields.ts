// Building blocks of the request schemas. Each says in one phrase what a value must be, so that every
// refusal reads the same: the field, its limit, the value given.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { readObject } from './collections.ts';
import { fieldReadBy } from './read-field.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;

export const MAX_INT32 = 2 ** 31 - 1;

/** What a body has of the fields that `Describe` returns. */
export type Fields<Describe extends (...args: never[]) => z.ZodRawShape> = z.infer<
  z.ZodObject<ReturnType<Describe>>
>;

export function integerField(min: number, max: number) {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.int(rule).min(min, rule).max(max, rule);
}

/** JSON's 1e400 parses to Infinity, which this refuses like any other number out of range. */
export function numberField(min: number, max: number) {
  const rule = `must be a number from ${min} to ${max}`;
  return z.number(rule).min(min, rule).max(max, rule);
}

export function positiveField(max: number) {
  const rule = `must be a number above 0 and at most ${max}`;
  return z.number(rule).gt(0, rule).max(max, rule);
}

export function booleanField() {
  return z.boolean('must be true or false');
}

export function textField() {
  return z.string('must be a string');
}

export function modelField() {
  return textField().meta({
    description:
      'Id of the policy, as GET /v1/models lists it; with controls behind it where wanted: `wordle@beta=8`.',
  });
}

/** Where nothing is generated a request need not name one. */
export function policyNameField() {
  return textField().nullish().meta({ description: 'Which policy; the first where left out.' });
}

export function boundedTextField(min: number, max: number) {
  const rule = `must be a string of ${min} to ${max} characters`;
  return z.string(rule).min(min, rule).max(max, rule);
}

/** An object without fields of other names, which a misspelt one must not pass for. */
export function strictField<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `is unknown; the fields here are ${known}`
        : 'must be an object',
  });
}

export function choiceField<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

/** Half a surrogate pair, which no tokenizer and no client can carry. */
function isIllFormed(text: string): boolean {
  return LONE_SURROGATE.test(text);
}

const ILL_FORMED = 'must be well-formed Unicode';

export function wellFormed(text: z.ZodString): z.ZodString {
  return text.refine((value) => !isIllFormed(value), { error: ILL_FORMED });
}

/** A field that clients send out of habit and that changes nothing here. */
export function unusedField() {
  return z.unknown().optional().meta({ description: 'Accepted and not used.' });
}

/** A field of the API that this server has not: only leaving it out passes. */
export function absentField(reason = '') {
  return z
    .null(`is not supported${reason === '' ? '' : ` (${reason})`}; leave it out`)
    .optional()
    .meta({ description: 'Not supported: only null.' });
}

/** The same, for a list: one that is empty asks for nothing. */
export function absentListField(reason: string) {
  return z
    .union([z.null(), z.array(z.unknown()).max(0)], `is not supported (${reason}); leave it out`)
    .optional()
    .meta({ description: 'Not supported: only null or an empty list.' });
}

/** JSON of any shape, but not so deep that writing it again could fail. */
export function jsonObjectField({ maxNesting }: Limits) {
  const rule = `must be an object nested at most ${maxNesting} deep`;
  return fieldReadBy(z.record(z.string(), z.unknown()), (given) => {
    const object = readObject(given, rule);
    return 'problem' in object || isShallow(object.value, maxNesting) ? object : { problem: rule };
  });
}

function isShallow(value: unknown, maxNesting: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxNesting) return false;
    level = level.flatMap((inner) =>
      typeof inner === 'object' && inner !== null ? Object.values(inner) : [],
    );
  }
  return true;
}
