// The engine as the main thread sees it: submit sequences, read their events. Everything else is the worker's.
import { Worker } from 'node:worker_threads';
import type { PolicyManifest } from '../policy/manifest.ts';
import type {
  EngineModel,
  FromWorker,
  SequenceEvent,
  SequenceRequest,
  StepReport,
} from './messages.ts';
import type { EngineOptions } from './options.ts';
import { WorkerEngine } from './worker-engine.ts';

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

/**
 * Rejects with one sentence when the policy cannot be served as asked. Node runs workers from built files alone:
 * a test that runs this source names the worker that was built from it.
 */
export async function startEngine(
  options: EngineOptions,
  workerUrl: URL = new URL('./worker.js', import.meta.url),
): Promise<Engine> {
  const worker = new Worker(workerUrl, { workerData: options });
  const message = await firstMessage(worker);
  if (message.type === 'ready') {
    return new WorkerEngine(worker, message.model, message.manifest, options.queueLimit);
  }
  throw new Error(message.type === 'failed' ? message.message : 'The worker spoke out of turn.');
}

function firstMessage(worker: Worker): Promise<FromWorker> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number): void => {
      reject(new Error(`The engine's worker exited with code ${code} before it was ready.`));
    };
    worker.once('error', reject);
    worker.once('exit', onExit);
    worker.once('message', (message: FromWorker) => {
      worker.off('error', reject);
      worker.off('exit', onExit);
      resolve(message);
    });
  });
}
