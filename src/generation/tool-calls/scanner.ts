// What a scanner of an answer's text finds: text, and calls of tools with their arguments as they come. What a scanner gives
// out depends on the text and not on the pieces it came in.

export interface ParsedCall {
  readonly name: string;
  /** JSON, character for character as the model wrote it. */
  readonly arguments: string;
}

export type AnswerPart =
  | { readonly kind: 'text'; readonly text: string }
  /** A call begins; the parts of its arguments follow, with nothing between. */
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'arguments'; readonly text: string };

export interface ToolCallScanner {
  push(text: string): AnswerPart[];
  /** The text is over: what was held back is a call after all, or text. */
  finish(): AnswerPart[];
}

/** By name, each with the schema of its arguments. */
export type OfferedTools = ReadonlyMap<string, object | undefined>;

export const TOOL_CALL_FORMATS = ['hermes', 'llama3_json', 'qwen3_coder'] as const;

export type ToolCallFormat = (typeof TOOL_CALL_FORMATS)[number];
