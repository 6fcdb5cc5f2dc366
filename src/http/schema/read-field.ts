// Fields that are read by hand, for what zod does in another order, and documented by a schema all the same.
import { z } from 'zod';

/** What became of the value, or the first problem found and where in it. */
export type Reading<T> =
  | { readonly value: T }
  | { readonly problem: string; readonly path?: readonly PropertyKey[] };

export function fieldReadBy<T>(documented: z.ZodType, read: (given: unknown) => Reading<T>) {
  const { $schema: _dialect, ...document } = z.toJSONSchema(documented, { io: 'input' });
  return z
    .unknown()
    .transform((given, { issues }): T => {
      const reading = read(given);
      if ('value' in reading) return reading.value;
      const { problem, path = [] } = reading;
      issues.push({ code: 'custom', message: problem, input: given, path: [...path] });
      return z.NEVER;
    })
    .meta(document);
}

/** What a schema without words of its own says. */
export const UNSAID = { error: () => 'is not valid' };

/** `path` is where in the field it is. */
export function readBy<Schema extends z.ZodType>(
  schema: Schema,
  given: unknown,
  path: readonly PropertyKey[] = [],
): Reading<z.infer<Schema>> {
  const result = schema.safeParse(given, UNSAID);
  if (result.success) return { value: result.data };
  const [issue] = result.error.issues;
  return { problem: issue?.message ?? '', path: [...path, ...(issue?.path ?? [])] };
}
