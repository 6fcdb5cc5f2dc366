// The engine as the main thread sees it: submit sequences, read their events. Everything else is the worker's.
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { EngineModel, SequenceEvent, SequenceRequest, StepReport } from './messages.ts';
import { openWorker } from './open-worker.ts';
import type { EngineOptions } from './options.ts';
import { TokenQuota } from './token-quota.ts';
import { WorkerEngine } from './worker-engine.ts';

/** A sequence to decode; the engine gives it its id. */
export type SequenceInput = Omit<SequenceRequest, 'id'>;

/** A worker that died, or one that could not be started in its place; or that there is one again. */
export type HealthChange =
  | { readonly healthy: true }
  | { readonly healthy: false; readonly cause: Error; readonly restartMs: number };

export interface Engine {
  readonly model: EngineModel;
  readonly manifest: PolicyManifest;
  /** False while the worker is dead and its successor is not ready yet. */
  readonly healthy: boolean;
  /** Sequences submitted and not yet finished, and the share of the KV cache that those have who run, 0 to 1. */
  readonly inFlight: {
    readonly waiting: number;
    readonly running: number;
    readonly cacheUsage: number;
  };
  /**
   * Submits all of `inputs` or none: throws ServerError `queue_full` or `quota_exceeded`, before anything is
   * returned, when they would not fit the queue now or their caller has no tokens left, and `invalid_request` when they
   * never would. Streams come back in the order of `inputs`; each ends after exactly one finish event.
   * Aborting `signal` cancels every one of them; leaving one stream's loop early cancels that one alone.
   * `promptTokens` is what the prompts cost their caller, who does not pay twice for what they share; left out, all of them.
   */
  generate(
    inputs: readonly SequenceInput[],
    signal: AbortSignal,
    promptTokens?: number,
  ): readonly AsyncIterable<SequenceEvent>[];
  /** Calls `listener` after every step of the model; returns how to stop listening. */
  onStep(listener: (report: StepReport) => void): () => void;
  /** Calls `listener` when the worker has died and when another serves; returns how to stop listening. */
  onHealth(listener: (change: HealthChange) => void): () => void;
  /** Resolves when the worker has read a message sent now, which it does between two steps; false if it died first. */
  ping(): Promise<boolean>;
  /** Cancels what is in flight and ends the worker. */
  close(): Promise<void>;
}

/** Starts a worker; Node runs workers from built files alone. ONNX Runtime takes settings from the environment. */
export function launchWorker(
  options: EngineOptions,
  url = new URL('./worker.js', import.meta.url),
): Worker {
  return new Worker(url, { workerData: options, env: SHARE_ENV });
}

export interface EngineSurroundings {
  /** Shared by all engines of a server; left out, no key has a limit. */
  readonly tokenQuota?: TokenQuota;
  /** Whoever is in flight ends within this time; left out, nothing is known of it. */
  readonly maxRequestMs?: number;
  /** Gives the worker, and its successors when one has died. Tests give one of their own. */
  readonly launch?: (options: EngineOptions) => Worker;
}

/** Rejects with one sentence when the policy cannot be served as asked. A worker that dies later is replaced. */
export async function startEngine(
  options: EngineOptions,
  surroundings: EngineSurroundings = {},
): Promise<Engine> {
  const {
    tokenQuota = new TokenQuota(0),
    maxRequestMs = Number.POSITIVE_INFINITY,
    launch = launchWorker,
  } = surroundings;
  const open = () => openWorker(launch(options));
  return new WorkerEngine(await open(), open, { ...options, maxRequestMs }, tokenQuota);
}
