// A conversation as a chat template sees it: the names are Transformers', which templates are written for.

export interface ConversationMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
  readonly reasoning_content?: string;
  /** Only where there are any: templates test for the key. */
  readonly tool_calls?: readonly ConversationToolCall[];
  readonly tool_call_id?: string;
}

export interface ConversationToolCall {
  readonly type: 'function';
  readonly id: string;
  /** `arguments` is an object wherever the call's text is one. */
  readonly function: { readonly name: string; readonly arguments: unknown };
}

export interface ToolDefinition {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: object;
  };
}

export interface Conversation {
  readonly messages: readonly ConversationMessage[];
  readonly tools: readonly ToolDefinition[];
  /** Go on with the last message, which is the assistant's, instead of beginning another. */
  readonly continuesFinalMessage: boolean;
  readonly addsGenerationPrompt: boolean;
  /** More variables for the template. */
  readonly variables: Readonly<Record<string, string | number | boolean>>;
}
