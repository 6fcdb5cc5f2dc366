// One loaded policy: all that routes need to answer for it.
import type { Engine } from '../engine/client.ts';
import type { Chat } from '../generation/chat.ts';
import type { Generator } from '../generation/generator.ts';
import type { Scorer } from '../generation/scorer.ts';
import type { TextTokenizer } from '../generation/tokenizer.ts';

export interface ServedPolicy {
  readonly engine: Engine;
  readonly tokenizer: TextTokenizer;
  readonly generator: Generator;
  readonly scorer: Scorer;
  readonly chat: Chat;
  /** Ends its threads; cancels what is in flight. */
  close(): Promise<void>;
}
