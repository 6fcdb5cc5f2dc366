// The engine's thread: loads the policy, then alternates between its messages and steps of the loop.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { loadPolicy } from '../policy/load-policy.ts';
import { readManifest } from '../policy/policy-files.ts';
import { cacheSize, checkFits } from './cache-size.ts';
import { createPlanner } from './create-planner.ts';
import { EngineLoop } from './loop.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { type EngineOptions, engineOptionsSchema } from './options.ts';
import { stepCapacity } from './step-capacity.ts';

function main(port: MessagePort): void {
  const post = (message: FromWorker): void => port.postMessage(message);
  try {
    serve(port, post, engineOptionsSchema.parse(workerData));
  } catch (error) {
    post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    port.close();
  }
}

function serve(
  port: MessagePort,
  post: (message: FromWorker) => void,
  options: EngineOptions,
): void {
  const manifest = readManifest(options.modelFolder);
  const size = cacheSize(options, manifest);
  checkFits(size, options, manifest);
  const { sequences, blocks } = size;
  const capacity = stepCapacity(size, options.prefillChunk);
  const policy = loadPolicy({
    ...options,
    capacity,
    ...(blocks === null ? {} : { blocks }),
  });
  const planner = createPlanner(policy, size, options, capacity.scored);
  // However the thread ends: one that dies of an exception leaves its process, and in it what ONNX Runtime holds.
  process.once('exit', () => policy.release());
  run(port, new EngineLoop(policy, planner, post), post);
  post({
    type: 'ready',
    manifest: policy.manifest,
    model: {
      device: policy.device,
      maxSequences: sequences,
      maxLength: policy.maxLength,
      kvCacheBytes: policy.cache.byteLength,
      ...(blocks === null ? {} : { blocks }),
    },
  });
}

/** Steps while there is work, letting the port deliver its messages between two steps; sleeps on the port otherwise. */
function run(port: MessagePort, loop: EngineLoop, post: (message: FromWorker) => void): void {
  let scheduled: NodeJS.Immediate | null = null;
  const turn = (): void => {
    scheduled = loop.step() ? setImmediate(turn) : null;
  };
  port.on('message', (message: ToWorker) => {
    if (message.type === 'close') {
      if (scheduled) clearImmediate(scheduled);
      port.close();
      return;
    }
    if (message.type === 'ping') {
      post({ type: 'pong' });
      return;
    }
    loop.receive(message);
    scheduled ??= setImmediate(turn);
  });
}

if (!parentPort) throw new Error('engine/worker is started by engine/client.');
main(parentPort);
