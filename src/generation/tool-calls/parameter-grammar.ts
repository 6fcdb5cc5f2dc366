// The parameters of a tool as Qwen3-Coder writes them, as EBNF: each value plain text, or JSON, by its schema.
import { anyOf, literal } from '../../constraint/ebnf.ts';
import type { FormatLimits } from '../../constraint/format-limits.ts';
import { FormatProblem } from '../../constraint/format-problem.ts';
import { jsonRules } from '../../constraint/json-grammar.ts';
import { textWithout } from '../../constraint/text-without.ts';
import { kindOfParameter } from './parameter-value.ts';
import { VALUE_ENDS } from './qwen3-coder.ts';

/** What plain text is not held to. */
const OF_TEXT = ['pattern', 'format', 'minLength', 'maxLength'];

/** As `jsonRules` has found it to be. */
interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  readonly $defs?: object;
  readonly definitions?: object;
}

/** The rule `name` and what it needs, but JSON_BASICS. Throws a FormatProblem for what cannot be kept to. */
export function parameterRules(schema: Schema, name: string, limits: FormatLimits): string {
  const { properties = {}, required = [], $defs, definitions } = schema;
  const shared = { ...($defs ? { $defs } : {}), ...(definitions ? { definitions } : {}) };
  const items: string[] = [];
  const rules = Object.entries(properties).map(([key, given], index) => {
    // It may be `true`.
    const value: object = Object(given);
    if (/[>\n]/.test(key)) throw new FormatProblem(`has a property ${JSON.stringify(key)}`);
    const rule = `${name}_value${index}`;
    const item = `${literal(`<parameter=${key}>\n`)} ${rule} ${literal('\n</parameter>\n')}`;
    items.push(required.includes(key) ? item : `(${item})?`);
    return kindOfParameter(schema, key) === 'text'
      ? textRules(value, rule)
      : jsonRules({ ...value, ...shared }, rule, limits);
  });
  return `${name} ::= ${items.length === 0 ? '""' : items.join(' ')}\n${rules.join('')}`;
}

function textRules(schema: object, name: string): string {
  const values = 'enum' in schema ? schema.enum : 'const' in schema ? [schema.const] : null;
  if (Array.isArray(values)) {
    return `${name} ::= ${anyOf(values.map((value) => literal(String(value))))}\n`;
  }
  const unkept = OF_TEXT.find((keyword) => keyword in schema);
  if (unkept !== undefined)
    throw new FormatProblem(`has "${unkept}", which this format cannot keep to`);
  return textWithout(VALUE_ENDS, name);
}

/** Any parameters. */
export function anyParameters(name: string): string {
  const key = `[A-Za-z0-9_-]+`;
  const item = `"<parameter=" ${key} ">\\n" ${name}_value "\\n</parameter>\\n"`;
  return `${name} ::= (${item})*\n${textWithout(VALUE_ENDS, `${name}_value`)}`;
}
