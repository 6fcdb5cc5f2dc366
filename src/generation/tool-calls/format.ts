// Which format a model's calls have: what its chat template teaches it, or what the operator says.
import type { ChatTemplate } from '../chat-template.ts';
import { HermesScanner } from './hermes.ts';
import { Llama3JsonScanner } from './llama3-json.ts';
import { Qwen3CoderScanner } from './qwen3-coder.ts';
import type { OfferedTools, ToolCallFormat, ToolCallScanner } from './scanner.ts';

/** Null for a template that knows no tools, or writes their calls as no scanner here reads them. */
export function detectToolCallFormat(template: ChatTemplate): ToolCallFormat | null {
  if (!template.mentions('tools')) return null;
  // XML inside of the same tags, or instead of them.
  if (template.mentions('<arg_key>')) return null;
  if (template.mentions('<function='))
    return template.mentions('<parameter=') ? 'qwen3_coder' : null;
  if (template.mentions('<tool_call>')) return 'hermes';
  if (template.mentions('<|python_tag|>') || template.mentions('{"name": function name')) {
    return 'llama3_json';
  }
  return null;
}

export function createScanner(format: ToolCallFormat, tools: OfferedTools): ToolCallScanner {
  switch (format) {
    case 'hermes':
      return new HermesScanner(tools);
    case 'llama3_json':
      return new Llama3JsonScanner(tools);
    case 'qwen3_coder':
      return new Qwen3CoderScanner(tools);
    default:
      return format satisfies never;
  }
}
