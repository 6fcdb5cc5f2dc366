// What a scanner of an answer's text finds: text and calls of tools. A call is given out when it is whole, since
// what turns out not to be one is text; so the pieces the text came in make no difference.

export interface ParsedCall {
  readonly name: string;
  /** JSON, character for character as the model wrote it. */
  readonly arguments: string;
}

export type AnswerPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly call: ParsedCall };

export interface ToolCallScanner {
  push(text: string): AnswerPart[];
  /** The text is over: what was held back is a call after all, or text. */
  finish(): AnswerPart[];
}

export const TOOL_CALL_FORMATS = ['hermes', 'llama3_json'] as const;

export type ToolCallFormat = (typeof TOOL_CALL_FORMATS)[number];
