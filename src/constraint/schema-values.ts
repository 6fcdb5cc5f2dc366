// The values that `enum` and `const` name, and whether schemas can be told apart by such.
import { isObject, problem } from './schema-parts.ts';

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

/** `oneOf` is read as `anyOf`, which is the same only where no value can be of two of them. */
export function checkDisjoint(options: readonly unknown[], path: string): void {
  const [first, ...others] = options;
  if (others.length === 0) return;
  if (others.some((other) => !areDisjoint(first, other))) {
    throw problem(path, 'has "oneOf" of schemas that may overlap; use "anyOf"');
  }
  checkDisjoint(others, path);
}

function areDisjoint(first: unknown, second: unknown): boolean {
  if (!isObject(first) || !isObject(second)) return false;
  if (typeof first.type === 'string' && typeof second.type === 'string') {
    const types = new Set([first.type, second.type]);
    if (types.size === 2) return !(types.has('integer') && types.has('number'));
  }
  // Objects that a property tells apart.
  const names = [first, second].map(({ required }) => (Array.isArray(required) ? required : []));
  const shared = names[0]?.filter((name) => names[1]?.includes(name)) ?? [];
  return shared.some((name) => {
    const [left, right] = [first, second].map(({ properties }) =>
      isObject(properties) ? constantsOf(properties[String(name)]) : [],
    );
    const values = new Set(left?.map((value) => JSON.stringify(value)));
    const isKnown = values.size > 0 && right !== undefined && right.length > 0;
    return isKnown && !right.some((value) => values.has(JSON.stringify(value)));
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
