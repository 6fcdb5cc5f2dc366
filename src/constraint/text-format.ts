// What a text must be: the language in which the rest of the server asks for grammars.

export interface Tagged {
  readonly type: 'tag';
  readonly begin: string;
  readonly content: TextFormat;
  readonly end: string;
}

export type TextFormat =
  /** EBNF as XGrammar reads it; its first rule is `root`. */
  | { readonly type: 'grammar'; readonly grammar: string }
  | { readonly type: 'const_string'; readonly value: string }
  | { readonly type: 'or'; readonly elements: readonly TextFormat[] }
  /** Any text; where a trigger comes, the tag that begins with it. */
  | {
      readonly type: 'triggered_tags';
      readonly triggers: readonly string[];
      readonly tags: readonly Tagged[];
      readonly stop_after_first: boolean;
    };
