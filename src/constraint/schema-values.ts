// The values that `enum` and `const` name, and whether schemas can be told apart by such.
import type { FormatProblem } from './format-problem.ts';
import { isObject, type Keywords, problem } from './schema-parts.ts';

/** Throws for a value that is not of `type`. */
export function checkValues(values: unknown, type: unknown, path: string): unknown[] {
  if (!Array.isArray(values) || values.length === 0) {
    throw problem(path, 'has an "enum" that is not a list of values');
  }
  if (type === undefined) return values;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  const wrong = values.find((value) => !typesOfValue(value).some((name) => types.includes(name)));
  if (wrong === undefined) return values;
  throw problem(path, `has the value ${JSON.stringify(wrong)?.slice(0, 60)}, not of its "type"`);
}

function typesOfValue(value: unknown): readonly string[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number')
    return Number.isInteger(value) ? ['integer', 'number'] : ['number'];
  return [typeof value];
}

/**
 * `oneOf` is read as `anyOf`, which is the same only where no value can be of two of them: they are of different types, or
 * objects that one property tells apart. In a time that grows with the options, not with their pairs.
 */
export function checkDisjoint(options: readonly unknown[], path: string): void {
  if (options.length === 1) return;
  const byType = new Map<string, Keywords[]>();
  for (const option of options) {
    const type = isObject(option) ? typeOf(option) : null;
    if (!isObject(option) || type === null) throw overlap(path);
    const known = byType.get(type);
    if (known === undefined) byType.set(type, [option]);
    else known.push(option);
  }
  // Without a type, an object's schema also takes whatever is no object.
  const isMixed = byType.size > 1 && byType.get('object')?.some(({ type }) => type === undefined);
  const isTold = [...byType].every(
    ([type, alike]) => alike.length === 1 || areToldApart(type, alike),
  );
  if (isMixed === true || !isTold) throw overlap(path);
}

function overlap(path: string): FormatProblem {
  return problem(path, 'has "oneOf" of schemas that may overlap; use "anyOf"');
}

/** An integer is a number. Null for a schema of several types, or of none that it names. */
function typeOf({ type, properties }: Keywords): string | null {
  if (type === undefined && properties !== undefined) return 'object';
  if (typeof type !== 'string') return null;
  return type === 'integer' ? 'number' : type;
}

/** Objects by a property that each of them requires and gives values of its own. */
function areToldApart(type: string, options: readonly Keywords[]): boolean {
  if (type !== 'object') return false;
  const required = options.map(
    (option) => new Set<unknown>(Array.isArray(option.required) ? option.required : []),
  );
  return [...(required[0] ?? [])].some((name) => {
    if (!required.every((names) => names.has(name))) return false;
    const values = options.map(({ properties }) =>
      isObject(properties) ? constantsOf(properties[String(name)]) : [],
    );
    if (values.some(({ length }) => length === 0)) return false;
    const distinct = values.flatMap((own) => [
      ...new Set(own.map((value) => JSON.stringify(value))),
    ]);
    return new Set(distinct).size === distinct.length;
  });
}

function constantsOf(schema: unknown): readonly unknown[] {
  if (!isObject(schema)) return [];
  if (Array.isArray(schema.enum)) return schema.enum;
  return schema.const === undefined ? [] : [schema.const];
}

/** As Python's json.dumps writes it. */
export function inOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inOneLine).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, inner]) => `${JSON.stringify(name)}: ${inOneLine(inner)}`,
  );
  return `{${members.join(', ')}}`;
}
