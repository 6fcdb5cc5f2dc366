// How much one request may ask for; the server's configuration sets each.
export interface Limits {
  readonly maxBodyBytes: number;
  /** Most values in the JSON of a body. */
  readonly maxBodyValues: number;
  /** Requests one key may have in flight; 0 sets no limit. */
  readonly keyRequests: number;
  /** Longest a request may take. */
  readonly maxRequestSeconds: number;
  /** Bytes of a stream that its client may leave unread, and how long it may once they are as many. */
  readonly streamBufferBytes: number;
  readonly slowReaderMs: number;
  readonly maxPromptChars: number;
  /** Most messages, or items, of a conversation. */
  readonly maxMessages: number;
  readonly maxTools: number;
  /** Most alternatives per token. */
  readonly maxLogprobs: number;
  /** Most answers: prompts times `n` or `best_of`; and most continuations to score. */
  readonly maxN: number;
  readonly maxBeta: number;
  readonly maxStopStrings: number;
  /** Longest stop string, and longest of `bad_words`. */
  readonly maxStopChars: number;
  /** Most token ids, or words, in one list that changes what is drawn. */
  readonly maxTokenIds: number;
  /** Deepest nesting of schemas and of tools' parameters. */
  readonly maxNesting: number;
  /** Most of `chat_template_kwargs`. */
  readonly maxTemplateVariables: number;
  /** Longest schema, regular expression or grammar. */
  readonly maxGrammarChars: number;
}
