// Loaded into a server before it starts: SIGUSR2 kills the engine's thread, as a crash in native code would end it.
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  let newest = null;
  process.on('worker', (worker) => {
    newest = worker;
  });
  process.on('SIGUSR2', () => void newest?.terminate());
}
