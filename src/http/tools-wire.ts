// The tools a request offers, as chat templates know them.
import { ServerError } from '../errors.ts';
import type { ChatRequest } from '../generation/chat.ts';
import type { ToolDefinition } from '../generation/conversation.ts';
import type { ToolChoice } from './schema/tool-fields.ts';

interface OfferedFunction {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: object | null | undefined;
  readonly strict?: boolean | null | undefined;
}

export function toTools(functions: readonly OfferedFunction[]): ToolDefinition[] {
  return functions.map(({ name, description, parameters }) => ({
    type: 'function',
    function: {
      name,
      ...(description == null ? {} : { description }),
      ...(parameters == null ? {} : { parameters }),
    },
  }));
}

/** Throws where a call is demanded of a tool that is not offered. */
export function toToolUse(
  choice: ToolChoice,
  functions: readonly OfferedFunction[],
): Pick<ChatRequest, 'forcedCall' | 'strictTools'> {
  const strict = functions.filter((offered) => offered.strict === true);
  const forcedCall = typeof choice === 'object' ? choice.name : choice === 'required';
  const isOffered =
    typeof forcedCall === 'string'
      ? functions.some(({ name }) => name === forcedCall)
      : functions.length > 0;
  if (forcedCall !== false && !isOffered) {
    const message =
      typeof forcedCall === 'string'
        ? `tool_choice names ${forcedCall}, which is not among the tools.`
        : 'tool_choice is required, and there are no tools.';
    throw new ServerError('invalid_request', message, { param: 'tool_choice' });
  }
  return { forcedCall, strictTools: new Set(strict.map(({ name }) => name)) };
}
