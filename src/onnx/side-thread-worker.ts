// A thread that runs bound graphs by their addresses, and sleeps in between. It owns none of them.
import { workerData } from 'node:worker_threads';
import { keepToCpus } from './affinity.ts';
import type { OrtApi } from './api.ts';
import { loadLibrary } from './library.ts';
import { SideState, type SideThreadData, setState, waitWhile } from './side-thread-messages.ts';

function serve({ libraryPath, cpus, ...shared }: SideThreadData): void {
  const state = new Int32Array(shared.state);
  const runs = new BigUint64Array(shared.runs);
  try {
    const { api } = loadLibrary(libraryPath);
    keepToCpus(cpus);
    for (;;) {
      setState(state, SideState.idle);
      waitWhile(state, SideState.idle);
      if (Atomics.load(state, 0) === SideState.quit) return;
      runs[1] = runAll(api, runs);
    }
  } catch (error) {
    setState(state, SideState.dead);
    throw error;
  }
}

/** Up to the first that fails, whose status it returns for the owner to read and release. */
function runAll(api: OrtApi, runs: BigUint64Array): bigint {
  const count = Number(runs[0]);
  for (let index = 0; index < count; index++) {
    const [session = 0n, binding = 0n] = runs.subarray(2 + 2 * index, 4 + 2 * index);
    const status = api.RunWithBinding(session, null, binding);
    if (status !== null) return status;
  }
  return 0n;
}

serve(workerData);
