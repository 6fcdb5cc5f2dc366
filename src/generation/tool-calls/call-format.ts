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
import { anyParameters, parameterRules } from './parameter-grammar.ts';
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
  /** What begins a call and no text; none where a call is the whole answer. */
  readonly triggers: readonly string[];
}

const MARKS: Readonly<Record<ToolCallFormat, Marks>> = {
  hermes: {
    begin: (name) => `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": `,
    end: '}\n</tool_call>',
    separator: '\n',
    triggers: ['<tool_call>'],
  },
  llama3_json: {
    begin: (name) => `{"name": ${JSON.stringify(name)}, "parameters": `,
    end: '}',
    separator: '; ',
    triggers: [],
  },
  qwen3_coder: {
    begin: (name) => `<tool_call>\n<function=${name}>\n`,
    end: '</function>\n</tool_call>',
    separator: '\n',
    triggers: ['<tool_call>', '<function='],
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
  const { triggers } = MARKS[format];
  if (triggers.length > 0) {
    return {
      type: 'triggered_tags',
      triggers,
      tags: tools.flatMap((tool) =>
        triggers.map((trigger) => callTag(format, tool, demand, trigger)),
      ),
      stop_after_first: onlyOne,
    };
  }
  // Calls begin as any JSON does: what begins with a brace is one.
  return {
    type: 'or',
    elements: [
      { type: 'grammar', grammar: LLAMA3_TEXT },
      { type: 'grammar', grammar: callsGrammar(format, tools, demand) },
    ],
  };
}

/** Calls and nothing else. */
function callsGrammar(
  format: ToolCallFormat,
  tools: readonly ToolDefinition[],
  demand: CallDemand,
): string {
  const { begin, end, separator } = MARKS[format];
  const calls = tools.map((tool, index) => {
    return `${literal(begin(tool.function.name))} arguments${index} ${literal(end)}`;
  });
  const rules = tools.map((tool, index) =>
    argumentRules(format, tool, `arguments${index}`, demand),
  );
  const others = demand.onlyOne ? '' : ` (${literal(separator)} call)*`;
  return `root ::= call${others}\ncall ::= ${calls.join(' | ')}\n${rules.join('')}${JSON_BASICS}`;
}

/** The trigger may come where the beginning of a call has it: outer tags may be missing. */
function callTag(
  format: ToolCallFormat,
  tool: ToolDefinition,
  demand: CallDemand,
  trigger: string,
) {
  const { begin, end } = MARKS[format];
  const grammar = argumentRules(format, tool, 'root', demand) + JSON_BASICS;
  const whole = begin(tool.function.name);
  return {
    type: 'tag',
    begin: whole.slice(whole.indexOf(trigger)),
    content: { type: 'grammar', grammar },
    end: trigger === '<function=' ? '</function>' : end,
  } as const;
}

/** A schema that cannot be kept to is a hint, unless the tool is strict. */
function argumentRules(
  format: ToolCallFormat,
  { function: offered }: ToolDefinition,
  rule: string,
  { strict, limits }: CallDemand,
): string {
  const schema: object = { type: 'object', additionalProperties: false, ...offered.parameters };
  try {
    const rules = jsonRules(schema as JsonSchema, rule, limits);
    return format === 'qwen3_coder' ? parameterRules(schema, rule, limits) : rules;
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    if (!strict.has(offered.name)) {
      return format === 'qwen3_coder'
        ? anyParameters(rule)
        : jsonRules({ type: 'object' }, rule, limits);
    }
    const message = `tools cannot be strict: the schema of ${offered.name} ${error.message}.`;
    throw new ServerError('invalid_request', message, { param: 'tools', cause: error });
  }
}
