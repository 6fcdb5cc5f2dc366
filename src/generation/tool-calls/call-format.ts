// What an answer's text must be where calls of tools are demanded, or where some tools are strict: the model's own format of
// calls, with arguments by each tool's schema.
import { literal } from '../../constraint/ebnf.ts';
import type { FormatLimits } from '../../constraint/format-limits.ts';
import { FormatProblem } from '../../constraint/format-problem.ts';
import { JSON_BASICS, type JsonSchema, jsonRules } from '../../constraint/json-grammar.ts';
import type { TextFormat } from '../../constraint/text-format.ts';
import { ServerError } from '../../errors.ts';
import type { ToolDefinition } from '../conversation.ts';
import { LLAMA3_TEXT } from './llama3-text.ts';
import type { ToolCallFormat } from './scanner.ts';

export interface CallDemand {
  /** At least one call, and nothing else. */
  readonly isForced: boolean;
  /** At most one. */
  readonly onlyOne: boolean;
  /** Tools whose arguments must be by their schema, or the request cannot be served. */
  readonly strict: ReadonlySet<string>;
  readonly limits: FormatLimits;
}

interface Marks {
  /** What stands around the arguments of a call. */
  readonly begin: (name: string) => string;
  readonly end: string;
  /** Between calls. */
  readonly separator: string;
}

const MARKS: Readonly<Record<ToolCallFormat, Marks>> = {
  hermes: {
    begin: (name) => `<tool_call>\n{"name": ${name}, "arguments": `,
    end: '}\n</tool_call>',
    separator: '\n',
  },
  llama3_json: {
    begin: (name) => `{"name": ${name}, "parameters": `,
    end: '}',
    separator: '; ',
  },
};

/** Null where the text stays free. */
export function callFormat(
  format: ToolCallFormat,
  tools: readonly ToolDefinition[],
  demand: CallDemand,
): TextFormat | null {
  const { isForced, onlyOne, strict } = demand;
  const isFree = !isForced && strict.size === 0;
  if (isFree) return null;
  if (isForced) return { type: 'grammar', grammar: callsGrammar(format, tools, demand) };
  switch (format) {
    case 'hermes':
      return {
        type: 'triggered_tags',
        triggers: ['<tool_call>'],
        tags: tools.map((tool) => callTag(tool, demand)),
        stop_after_first: onlyOne,
      };
    case 'llama3_json':
      // Its calls begin as any JSON does: what begins with a brace is one.
      return {
        type: 'or',
        elements: [
          { type: 'grammar', grammar: LLAMA3_TEXT },
          { type: 'grammar', grammar: callsGrammar(format, tools, demand) },
        ],
      };
    default:
      return format satisfies never;
  }
}

/** Calls and nothing else. */
function callsGrammar(
  format: ToolCallFormat,
  tools: readonly ToolDefinition[],
  demand: CallDemand,
): string {
  const { begin, end, separator } = MARKS[format];
  const calls = tools.map((tool, index) => {
    const name = JSON.stringify(tool.function.name);
    return `${literal(begin(name))} arguments${index} ${literal(end)}`;
  });
  const rules = tools.map((tool, index) => argumentRules(tool, `arguments${index}`, demand));
  const others = demand.onlyOne ? '' : ` (${literal(separator)} call)*`;
  return `root ::= call${others}\ncall ::= ${calls.join(' | ')}\n${rules.join('')}${JSON_BASICS}`;
}

function callTag(tool: ToolDefinition, demand: CallDemand) {
  const { begin, end } = MARKS.hermes;
  const grammar = argumentRules(tool, 'root', demand) + JSON_BASICS;
  return {
    type: 'tag',
    begin: begin(JSON.stringify(tool.function.name)),
    content: { type: 'grammar', grammar },
    end,
  } as const;
}

/** A schema that cannot be kept to is a hint, unless the tool is strict. */
function argumentRules(
  { function: offered }: ToolDefinition,
  rule: string,
  { strict, limits }: CallDemand,
): string {
  const schema = { type: 'object', additionalProperties: false, ...offered.parameters };
  try {
    return jsonRules(schema as JsonSchema, rule, limits);
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    if (!strict.has(offered.name)) return jsonRules({ type: 'object' }, rule, limits);
    const message = `tools cannot be strict: the schema of ${offered.name} ${error.message}.`;
    throw new ServerError('invalid_request', message, { param: 'tools', cause: error });
  }
}
