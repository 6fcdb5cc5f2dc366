// What crosses between the main thread and one that knows grammars.
import type { TextFormat } from './text-format.ts';

/** Text of every token, as XGrammar wants it; what has none is never part of a text. */
export interface GrammarVocabulary {
  readonly encoding: 'raw' | 'byte_level' | 'byte_fallback';
  readonly tokens: readonly string[];
  readonly eosTokenIds: readonly number[];
}

export interface GrammarThreadData {
  readonly vocabulary: GrammarVocabulary;
  readonly doorbell: SharedArrayBuffer;
}

export type ToGrammarThread =
  /** Writes the first mask of a text of this format into `board`, and the others as its tokens come. */
  | {
      readonly type: 'open';
      readonly id: number;
      readonly format: TextFormat;
      readonly board: SharedArrayBuffer;
    }
  | { readonly type: 'close'; readonly id: number };

export type FromGrammarThread =
  | { readonly type: 'ready' }
  | { readonly type: 'opened'; readonly id: number }
  /** No text is of this format, or no format is what was asked. What is fatal ends the thread, which does nothing more. */
  | {
      readonly type: 'refused';
      readonly id: number;
      readonly reason: string;
      readonly isFatal: boolean;
    };
