// The tools a request offers, as chat templates know them.
import type { ToolDefinition } from '../generation/conversation.ts';

interface OfferedFunction {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: object | null | undefined;
}

export function toTools(functions: readonly OfferedFunction[] | undefined): ToolDefinition[] {
  return (functions ?? []).map(({ name, description, parameters }) => ({
    type: 'function',
    function: {
      name,
      ...(description == null ? {} : { description }),
      ...(parameters == null ? {} : { parameters }),
    },
  }));
}
