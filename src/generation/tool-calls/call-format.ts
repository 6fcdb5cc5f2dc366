// What an answer's text must be where calls of tools are demanded, or where some tools are strict: the model's own format of
// calls, with arguments by each tool's schema.
import { ServerError } from '../../errors.ts';
import { type JsonSchema, schemaFormat, type Tagged, type TextFormat } from '../constraint.ts';
import type { ToolDefinition } from '../conversation.ts';
import type { ToolCallFormat } from './scanner.ts';

export interface CallDemand {
  /** At least one call, and nothing else. */
  readonly isForced: boolean;
  /** At most one. */
  readonly onlyOne: boolean;
  /** Tools whose arguments must be by their schema, or the request cannot be served. */
  readonly strict: ReadonlySet<string>;
}

/** Null where the text stays free. */
export function callFormat(
  format: ToolCallFormat,
  tools: readonly ToolDefinition[],
  { isForced, onlyOne, strict }: CallDemand,
): TextFormat | null {
  const tags = () => tools.map((tool) => callTag(format, tool, strict.has(tool.function.name)));
  if (isForced) {
    const isSingle = onlyOne || format === 'llama3_json';
    return isSingle
      ? { type: 'or', elements: tags() }
      : {
          type: 'tags_with_separator',
          tags: tags(),
          separator: '\n',
          at_least_one: true,
          stop_after_first: false,
        };
  }
  // Llama's calls begin as any JSON does: nothing tells where to watch.
  if (format === 'llama3_json' || strict.size === 0) return null;
  return {
    type: 'triggered_tags',
    triggers: ['<tool_call>'],
    tags: tags(),
    stop_after_first: onlyOne,
  };
}

function callTag(format: ToolCallFormat, tool: ToolDefinition, isStrict: boolean): Tagged {
  const name = JSON.stringify(tool.function.name);
  const content = argumentsFormat(tool, isStrict);
  switch (format) {
    case 'hermes':
      return {
        type: 'tag',
        begin: `<tool_call>\n{"name": ${name}, "arguments": `,
        content,
        end: '}\n</tool_call>',
      };
    case 'llama3_json':
      return { type: 'tag', begin: `{"name": ${name}, "parameters": `, content, end: '}' };
    default:
      return format satisfies never;
  }
}

/** A schema that cannot be kept to is a hint, unless the tool is strict. */
function argumentsFormat({ function: offered }: ToolDefinition, isStrict: boolean): TextFormat {
  const schema = { type: 'object', additionalProperties: false, ...offered.parameters };
  try {
    return schemaFormat(schema as JsonSchema, `the schema of ${offered.name}`);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (!isStrict) return schemaFormat({ type: 'object' }, '');
    const message = `tools cannot be strict: ${error.message}`;
    throw new ServerError('invalid_request', message, { param: 'tools', cause: error });
  }
}
