// The engine as the main thread sees it: submit sequences, read their events. Everything else is the worker's.

import type { PolicyManifest } from '../policy/manifest.ts';
import type { EngineModel, SequenceEvent, SequenceRequest, StepReport } from './messages.ts';
import type { EngineOptions } from './options.ts';

/** A sequence to decode; the engine gives it its id. */
export type SequenceInput = Omit<SequenceRequest, 'id'>;

export interface Engine {
  readonly model: EngineModel;
  readonly manifest: PolicyManifest;
  /** False once the worker has died: nothing will be served again. */
  readonly healthy: boolean;
  /** Sequences submitted and not yet finished. */
  readonly inFlight: { readonly waiting: number; readonly running: number };
  /**
   * Submits all of `inputs` or none: throws ServerError `queue_full`, before anything is returned, when they
   * would not fit the queue. Streams come back in the order of `inputs`; each ends after exactly one finish event.
   * Aborting `signal` cancels every one of them; leaving one stream's loop early cancels that one alone.
   */
  generate(
    inputs: readonly SequenceInput[],
    signal: AbortSignal,
  ): readonly AsyncIterable<SequenceEvent>[];
  /** Calls `listener` after every step of the model; returns how to stop listening. */
  onStep(listener: (report: StepReport) => void): () => void;
  /** Cancels what is in flight and ends the worker. */
  close(): Promise<void>;
}

export function startEngine(_options: EngineOptions): Promise<Engine> {
  throw new Error('not built yet');
}
