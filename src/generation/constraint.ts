// What the text of an answer must be, in this project's words, and the format that says it to a grammar.
import type { FormatLimits } from '../constraint/format-limits.ts';
import { FormatProblem } from '../constraint/format-problem.ts';
import { type JsonSchema, jsonGrammar } from '../constraint/json-grammar.ts';
import { readRegex } from '../constraint/regex.ts';
import type { TextFormat } from '../constraint/text-format.ts';
import { ServerError } from '../errors.ts';

export type { JsonSchema } from '../constraint/json-grammar.ts';
export type { Tagged, TextFormat } from '../constraint/text-format.ts';

export type Demand =
  | { readonly kind: 'json_schema'; readonly schema: JsonSchema }
  | { readonly kind: 'regex'; readonly pattern: string }
  | { readonly kind: 'grammar'; readonly grammar: string }
  | {
      readonly kind: 'choice';
      readonly candidates: readonly string[];
      /** Each is scored whole by the policy; otherwise its tokens are drawn one by one. */
      readonly isWhole: boolean;
    }
  | { readonly kind: 'format'; readonly format: TextFormat };

export type Constraint = Demand & {
  /** The request's field that demands it, for errors. */
  readonly param: string;
};

/** Throws `invalid_request` for what no answer can be held to. */
export function toTextFormat(constraint: Constraint, limits: FormatLimits): TextFormat {
  switch (constraint.kind) {
    case 'json_schema':
      return schemaFormat(constraint.schema, constraint.param, limits);
    case 'regex':
      return explain(constraint.param, () => ({
        type: 'grammar',
        grammar: `root ::= ${readRegex(constraint.pattern, limits)}`,
      }));
    case 'grammar':
      return { type: 'grammar', grammar: constraint.grammar };
    case 'choice':
      return {
        type: 'or',
        elements: constraint.candidates.map((value) => ({ type: 'const_string', value })),
      };
    case 'format':
      return constraint.format;
    default:
      return constraint satisfies never;
  }
}

function schemaFormat(schema: JsonSchema, param: string, limits: FormatLimits): TextFormat {
  return explain(param, () => ({ type: 'grammar', grammar: jsonGrammar(schema, limits) }));
}

function explain<T>(param: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    throw new ServerError('invalid_request', `${param} ${error.message}.`, { param, cause: error });
  }
}
