// From a worker that has just been started to one that serves, or the reason why it does not.
import type { Worker } from 'node:worker_threads';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { EngineModel, FromWorker } from './messages.ts';

export interface OpenWorker {
  readonly worker: Worker;
  readonly model: EngineModel;
  readonly manifest: PolicyManifest;
}

export async function openWorker(worker: Worker): Promise<OpenWorker> {
  const message = await firstMessage(worker);
  if (message.type === 'ready') {
    return { worker, model: message.model, manifest: message.manifest };
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
