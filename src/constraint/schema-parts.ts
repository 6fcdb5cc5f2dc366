// What every reader of a JSON Schema needs: objects told from others, counts, and problems that say where they are.
import { FormatProblem } from './format-problem.ts';

export type Keywords = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function problem(path: string, what: string): FormatProblem {
  return new FormatProblem(`${what} (at ${path.slice(0, 200)})`);
}

/** Of two keywords, the least and the most; undefined where they are not there. */
export function readCounts(
  schema: Keywords,
  names: readonly string[],
  path: string,
): (number | undefined)[] {
  const counts = names.map((name) => {
    const count = schema[name];
    if (count === undefined) return undefined;
    if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count;
    throw problem(path, `has a "${name}" that is not a count`);
  });
  const [least = 0, most = least] = counts;
  if (least > most) throw problem(path, `has a "${names[0]}" above its "${names[1]}"`);
  return counts;
}
