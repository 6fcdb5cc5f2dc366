// A value that was written as plain text, as the JSON that its parameter's schema asks for. What cannot be that stays a text.

export type ValueKind = 'text' | 'integer' | 'number' | 'boolean' | 'json';

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const KINDS: ReadonlyMap<unknown, ValueKind> = new Map([
  ['string', 'text'],
  ['integer', 'integer'],
  ['number', 'number'],
  ['boolean', 'boolean'],
  ['object', 'json'],
  ['array', 'json'],
]);

/** Of the parameter in a function's schema; what the schema does not say is text. */
export function kindOfParameter(parameters: object | undefined, name: string): ValueKind {
  const properties = member(parameters, 'properties');
  const schema = member(properties, name);
  const type = member(schema, 'type');
  if (Array.isArray(type)) return KINDS.get(type.find((each) => each !== 'null')) ?? 'text';
  if (type !== undefined) return KINDS.get(type) ?? 'text';
  const values = member(schema, 'enum') ?? [member(schema, 'const') ?? ''];
  if (Array.isArray(values) && values.some((value) => typeof value !== 'string')) return 'json';
  const isOneOfSeveral = ['anyOf', 'oneOf', 'allOf', '$ref'].some((key) => member(schema, key));
  return isOneOfSeveral ? 'json' : 'text';
}

/** Every kind may be null. */
export function toJson(text: string, kind: ValueKind): string {
  const word = text.trim();
  if (text.toLowerCase() === 'null') return 'null';
  return isJson(word, kind)
    ? word.replace(/^(?:True|False)$/, (it) => it.toLowerCase())
    : quoted(text);
}

function isJson(word: string, kind: ValueKind): boolean {
  switch (kind) {
    case 'text':
      return false;
    case 'integer':
      return INTEGER.test(word);
    case 'number':
      return NUMBER.test(word);
    case 'boolean':
      return /^(?:[Tt]rue|[Ff]alse)$/.test(word);
    case 'json':
      return parses(word);
    default:
      return kind satisfies never;
  }
}

export function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

/** The inside of a string of JSON; that of two texts is that of both together. */
export function escaped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return text.replace(/["\\\u0000-\u001f]/g, (character) => JSON.stringify(character).slice(1, -1));
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function member(value: unknown, key: string): unknown {
  const isObject = typeof value === 'object' && value !== null;
  return isObject && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
