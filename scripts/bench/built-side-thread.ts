// The value model's thread for benchmarks that load a policy themselves: Node runs workers from built files alone.
import { Worker } from 'node:worker_threads';
import type { SideThreadData } from '../../src/onnx/side-thread-messages.ts';

export function launchSideThread(workerData: SideThreadData): Worker {
  const file = new URL('../../dist/onnx/side-thread-worker.js', import.meta.url);
  return new Worker(file, { workerData });
}
