// A JSON Schema as a client writes it, to the EBNF of texts that are valid by it: JSON in one line, a space behind each comma
// and colon, properties in the schema's order. What is not read here is refused by name, never passed over.
//
// Texts may be less than a schema allows, and never more: an object has no properties that its schema does not name, if it
// names any; numbers have at most 15 digits on a side of the point, and between bounds few decimals.

import { anyOf, literal, repeated } from './ebnf.ts';
import type { FormatLimits } from './format-limits.ts';
import { isObject, type Keywords, problem, readCounts } from './schema-parts.ts';
import { NUMBER_BOUNDS, PLAIN, QUOTE, readNumber, readString } from './schema-scalars.ts';
import { checkDisjoint, checkValues, inOneLine } from './schema-values.ts';

/** Draft 2020-12. */
export type JsonSchema = boolean | Keywords;

/** Say something to people, or where definitions are. */
const SILENT = new Set([
  ...['title', 'description', 'default', 'example', 'examples', 'deprecated', 'readOnly'],
  ...['writeOnly', '$schema', '$comment', '$id', '$defs', 'definitions', 'discriminator'],
]);
const TYPES = ['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'];
const OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: NUMBER_BOUNDS,
};
/** Each is read as all there is to say. */
const WHOLE = ['$ref', 'const', 'enum', 'anyOf', 'oneOf', 'allOf'];
const KNOWN = new Set([...WHOLE, 'type', ...Object.values(OF_TYPE).flat()]);

/** Rules for any JSON. Masks within a string are made at once where nothing but plain characters repeats. */
export const JSON_BASICS = `any ::= string | number | "true" | "false" | "null" | array | object
string ::= ${QUOTE} ${PLAIN}* (escape ${PLAIN}*)* ${QUOTE}
escape ::= ${literal('\\')} ([${'\\u0022\\u005c\\u002f'}bfnrt] | "u" [0-9a-fA-F]{4})
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?
array ::= ${literal('[')} (any (", " any)*)? ${literal(']')}
object ::= ${literal('{')} (string ": " any (", " string ": " any)*)? ${literal('}')}
`;

/** Throws a FormatProblem that names the keyword and where it stands. */
export function jsonGrammar(schema: JsonSchema, limits: FormatLimits): string {
  return jsonRules(schema, 'root', limits) + JSON_BASICS;
}

/** The rule `name` and those that it needs, whose names begin with it: for grammars that also have JSON_BASICS. */
export function jsonRules(schema: JsonSchema, name: string, limits: FormatLimits): string {
  return new SchemaReader(schema, name, limits).write();
}

class SchemaReader {
  readonly #root: JsonSchema;
  readonly #name: string;
  readonly #limits: FormatLimits;
  readonly #rules: string[] = [];
  /** Rules of what has been referred to. */
  readonly #named: Map<string, string>;
  #ruleCount = 0;

  constructor(root: JsonSchema, name: string, limits: FormatLimits) {
    this.#root = root;
    this.#name = name;
    this.#limits = limits;
    this.#named = new Map([['#', name]]);
  }

  write(): string {
    const root = this.#read(this.#root, '#', 0);
    return `${this.#name} ::= ${root}\n${this.#rules.join('')}`;
  }

  #rule(expression: string): string {
    const name = this.#nextName();
    this.#define(name, expression);
    return name;
  }

  #nextName(): string {
    this.#ruleCount += 1;
    return `${this.#name}_${this.#ruleCount}`;
  }

  #define(name: string, expression: string): void {
    this.#rules.push(`${name} ::= ${expression}\n`);
  }

  #read(schema: unknown, path: string, depth: number): string {
    const { maxNesting } = this.#limits;
    if (depth > maxNesting) throw problem(path, `is nested deeper than ${maxNesting}`);
    if (schema === true) return 'any';
    if (!isObject(schema)) throw problem(path, 'must be an object or true');
    const rules = Object.keys(schema).filter((keyword) => !SILENT.has(keyword));
    const unknown = rules.find((keyword) => !KNOWN.has(keyword));
    if (unknown !== undefined) throw problem(path, `has "${unknown}", which is not supported`);
    const [whole] = rules.filter((keyword) => WHOLE.includes(keyword));
    if (whole !== undefined) return this.#readWhole(schema, whole, rules, path, depth);
    const types = typesOf(schema, rules, path);
    if (types === null) return 'any';
    return anyOf(types.map((type) => this.#readOfType(type, schema, path, depth)));
  }

  #readWhole(
    schema: Keywords,
    whole: string,
    rules: readonly string[],
    path: string,
    depth: number,
  ): string {
    const isValue = whole === 'enum' || whole === 'const';
    const beside = rules.find((keyword) => keyword !== whole && !(isValue && keyword === 'type'));
    if (beside !== undefined) {
      throw problem(path, `has "${beside}" beside "${whole}", which is not supported`);
    }
    if (isValue) {
      const values = whole === 'enum' ? schema.enum : [schema.const];
      return anyOf(checkValues(values, schema.type, path).map(inOneLine).map(literal));
    }
    if (whole === '$ref') return this.#readReference(schema.$ref, path, depth);
    const options = schema[whole];
    if (!Array.isArray(options) || options.length === 0) {
      throw problem(path, `has a "${whole}" that is not a list of schemas`);
    }
    if (whole === 'allOf' && options.length > 1) {
      throw problem(path, 'has "allOf" of more than one schema, which is not supported');
    }
    if (whole === 'oneOf')
      checkDisjoint(
        options.map((inner) => this.#resolve(inner)),
        path,
      );
    return anyOf(
      options.map((inner, index) => this.#read(inner, `${path}/${whole}/${index}`, depth + 1)),
    );
  }

  #readReference(reference: unknown, path: string, depth: number): string {
    if (typeof reference !== 'string' || !reference.startsWith('#')) {
      throw problem(path, 'has a "$ref" that does not begin with #');
    }
    const known = this.#named.get(reference);
    if (known !== undefined) return known;
    const found = this.#find(reference);
    if (found === undefined) {
      throw problem(path, `refers to ${reference.slice(0, 60)}, which is not in its $defs`);
    }
    const name = this.#nextName();
    this.#named.set(reference, name);
    this.#define(name, this.#read(found, reference, depth + 1));
    return name;
  }

  /** What a reference names, one step far. */
  #resolve(schema: unknown): unknown {
    if (!isObject(schema) || typeof schema.$ref !== 'string') return schema;
    return this.#find(schema.$ref);
  }

  #find(reference: string): unknown {
    const [, group = '', name = ''] = /^#\/(\$defs|definitions)\/([^%~/]+)$/.exec(reference) ?? [];
    const definitions = isObject(this.#root) ? this.#root[group] : undefined;
    return isObject(definitions) && Object.hasOwn(definitions, name)
      ? definitions[name]
      : undefined;
  }

  #readOfType(type: string, schema: Keywords, path: string, depth: number): string {
    switch (type) {
      case 'object':
        return this.#readObject(schema, path, depth);
      case 'array':
        return this.#readArray(schema, path, depth);
      case 'string':
        return readString(schema, path, this.#limits);
      case 'integer':
      case 'number':
        return readNumber(type, schema, path);
      case 'boolean':
        return '("true" | "false")';
      default:
        return '"null"';
    }
  }

  #readObject(schema: Keywords, path: string, depth: number): string {
    const { properties = {}, required = [], additionalProperties: others = true } = schema;
    if (!isObject(properties)) throw problem(path, 'has "properties" that are not an object');
    if (!Array.isArray(required)) throw problem(path, 'has a "required" that is not a list');
    const missing = required.find((name) => !Object.hasOwn(properties, String(name)));
    if (missing !== undefined) {
      throw problem(path, `requires ${JSON.stringify(missing)}, which is not in its properties`);
    }
    const members = Object.entries(properties).map(([name, inner]) => {
      const value = this.#read(inner, `${path}/properties/${name}`, depth + 1);
      const text = `${literal(`${JSON.stringify(name)}: `)} ${value}`;
      return { rule: this.#rule(text), isRequired: required.includes(name) };
    });
    const [open, close] = [literal('{'), literal('}')];
    if (members.length > 0) return `${open} ${this.#members(members)} ${close}`;
    if (others === false) return `${open} ${close}`;
    const value = this.#read(others, `${path}/additionalProperties`, depth + 1);
    const member = `string ": " ${value}`;
    return `${open} (${member} (", " ${member})*)? ${close}`;
  }

  /** In their order, each that is not required or not; a rule for what may follow each, with a comma before it or without. */
  #members(members: readonly { readonly rule: string; readonly isRequired: boolean }[]): string {
    let [first, rest] = ['""', '""'];
    for (const { rule, isRequired } of members.toReversed()) {
      const [firstWith, restWith] = [`${rule} ${rest}`, `", " ${rule} ${rest}`];
      [first, rest] = isRequired
        ? [this.#rule(firstWith), this.#rule(restWith)]
        : [this.#rule(`${firstWith} | ${first}`), this.#rule(`${restWith} | ${rest}`)];
    }
    return first;
  }

  #readArray(schema: Keywords, path: string, depth: number): string {
    const { prefixItems = [], items = true } = schema;
    const [least = 0, most = Number.POSITIVE_INFINITY] = readCounts(
      schema,
      ['minItems', 'maxItems'],
      path,
    );
    if (!Array.isArray(prefixItems)) throw problem(path, 'has "prefixItems" that are not a list');
    const prefix = prefixItems.map((inner, index) =>
      this.#read(inner, `${path}/prefixItems/${index}`, depth + 1),
    );
    // Without `items`, what comes behind a prefix could be anything; it is nothing, which is less.
    const isClosed = items === false || (schema.items === undefined && prefix.length > 0);
    if (prefix.length > most || (isClosed && prefix.length < least)) {
      throw problem(path, 'has counts that its "prefixItems" cannot keep to');
    }
    const rest = isClosed ? null : this.#read(items, `${path}/items`, depth + 1);
    return `${literal('[')} ${listOf(prefix, rest, least, most)} ${literal(']')}`;
  }
}

/** The prefix whole, and as many others behind it as bring the count between the two. */
function listOf(
  prefix: readonly string[],
  other: string | null,
  least: number,
  most: number,
): string {
  const missing = Math.max(0, least - prefix.length);
  const room = most - prefix.length;
  if (prefix.length === 0 && other !== null && room > 0) {
    const more = repeated(`", " ${other}`, Math.max(0, missing - 1), limit(room - 1));
    return missing === 0 ? `(${other} ${more})?` : `${other} ${more}`;
  }
  const begun = prefix.join(' ", " ') || '""';
  if (other === null || room === 0) return begun;
  return `${begun} ${repeated(`", " ${other}`, missing, limit(room))}`;
}

function limit(count: number): number | undefined {
  return Number.isFinite(count) ? count : undefined;
}

function typesOf(
  { type }: Keywords,
  rules: readonly string[],
  path: string,
): readonly string[] | null {
  if (type === undefined) {
    const implied = Object.entries(OF_TYPE).find(([, keywords]) =>
      keywords.some((keyword) => rules.includes(keyword)),
    );
    return implied === undefined ? null : [implied[0]];
  }
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  const known = TYPES.filter((candidate) => types.includes(candidate));
  if (known.length === types.length && known.length > 0) return known;
  throw problem(path, `has a "type" that is not one of ${TYPES.join(', ')}`);
}
