// What travels with one HTTP request through middleware and routes.
import type { ServerResponse } from 'node:http';
import type { Generation } from '../generation/generator.ts';

/** A generation without its text. */
export type GenerationRecord = Pick<
  Generation,
  'model' | 'settings' | 'policy' | 'answers' | 'usage'
>;

interface RequestVariables {
  /** In the response header `x-request-id` and in the log. */
  requestId: string;
  /** Name of the key the request came with; null where none was asked for. */
  caller: string | null;
  /** Aborted, with a ServerError as its reason, when the client leaves or the server stops. */
  abort: AbortController;
  /** When it came, on the clock of `performance.now()`. */
  startedAtMs: number;
  /** What a route adds to the request's log line. */
  logFields: Record<string, string | number | boolean | null>;
  /** What the request holds, to be given back once it has ended. */
  onEnd: (() => void)[];
  /** What the request generates, once that has begun. */
  generation: GenerationRecord | undefined;
  /** Resolves when a streamed body has ended, however it did; undefined for whole bodies. */
  bodyEnded: Promise<void> | undefined;
}

export interface AppEnv {
  /** What Node's server gives; nothing where there is none. */
  Bindings: { readonly outgoing?: ServerResponse };
  Variables: RequestVariables;
}
