// The engine in its worker, without HTTP and text.
import { type Engine, launchWorker, startEngine } from '../../src/engine/client.ts';
import type { EngineOptions } from '../../src/engine/options.ts';
import type { Contestant, Timing, Workload } from './contestant.ts';
import { plainSequence } from './plain-sequence.ts';

const workerUrl = new URL('../../dist/engine/worker.js', import.meta.url);

export interface EngineSettings {
  readonly folder: string;
  readonly maxSequences: number;
  /** Prompt and answer. */
  readonly maxLength: number;
  readonly temperature: number;
}

export async function startEngineContestant(settings: EngineSettings): Promise<Contestant> {
  const { folder, maxSequences, maxLength } = settings;
  const options: EngineOptions = {
    modelFolder: folder,
    device: 'cpu',
    libraryPath: null,
    threads: 0,
    maxSequences,
    kvCacheBytes: null,
    maxLength,
    prefillChunk: 512,
    // No peer reuses one sequence's prompt for another.
    prefixCache: 'off',
    queueLimit: maxSequences,
    queueTokens: Number.MAX_SAFE_INTEGER,
  };
  const engine = await startEngine(options, {
    launch: (workerData) => launchWorker(workerData, workerUrl),
  });
  return {
    measure: (workload) => measure(engine, workload, settings.temperature),
    stop: () => engine.close(),
  };
}

async function measure(
  engine: Engine,
  { concurrency, promptTokens, answerTokens }: Workload,
  temperature: number,
): Promise<Timing> {
  const inputs = Array.from({ length: concurrency }, (_, choice) =>
    plainSequence(promptTokens, answerTokens, temperature, choice),
  );
  const startMs = performance.now();
  let prefillMs = 0;
  let tokens = 0;
  const streams = engine.generate(inputs, new AbortController().signal);
  await Promise.all(
    streams.map(async (events) => {
      let isFirst = true;
      for await (const event of events) {
        if (event.kind === 'finish' && event.reason === 'error') throw new Error(event.message);
        if (event.kind !== 'token') continue;
        tokens += 1;
        if (isFirst) prefillMs = performance.now() - startMs;
        isFirst = false;
      }
    }),
  );
  return {
    prefillSeconds: prefillMs / 1000,
    seconds: (performance.now() - startMs) / 1000,
    tokens,
  };
}
