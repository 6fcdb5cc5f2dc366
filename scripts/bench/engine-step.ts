// The engine's step against its limit: what the step's own runs of the graphs take of it.
import { MessageChannel } from 'node:worker_threads';
import { EngineLoop } from '../../src/engine/loop.ts';
import type { SequenceRequest } from '../../src/engine/messages.ts';
import { Scheduler } from '../../src/engine/scheduler.ts';
import { Binding } from '../../src/onnx/binding.ts';
import { SideThread } from '../../src/onnx/side-thread.ts';
import { loadPolicy } from '../../src/policy/load-policy.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { launchBuiltSideThread } from './built-side-thread.ts';
import { plainSequence } from './plain-sequence.ts';
import { median, medianRatio } from './statistics.ts';

const promptTokens = 32;
const warmUpSteps = 5;

export interface StepTimes {
  readonly batch: number;
  readonly temperature: number;
  readonly engineMs: number;
  readonly bareMs: number;
  /** Of the engine's step to the runs in it. */
  readonly ratio: number;
}

export class EngineSteps {
  readonly #policy: Policy;
  readonly #maxSequences: number;
  readonly #prefillChunk: number;

  constructor(folder: string, maxSequences: number, maxLength: number, threads: number) {
    this.#maxSequences = maxSequences;
    this.#prefillChunk = maxSequences * promptTokens;
    this.#policy = loadPolicy({
      modelFolder: folder,
      device: 'cpu',
      libraryPath: null,
      launchSideThread: launchBuiltSideThread,
      threads,
      maxLength,
      capacity: { sequences: maxSequences, tokens: this.#prefillChunk, scored: maxSequences },
    });
  }

  measure(batch: number, temperature: number, steps: number): StepTimes {
    const { port1: sink, port2: port } = new MessageChannel();
    const scheduler = new Scheduler({
      maxSequences: this.#maxSequences,
      minReuse: Number.POSITIVE_INFINITY,
      sharesAnswers: false,
      prefillChunk: this.#prefillChunk,
      maxScored: this.#maxSequences,
      eosTokenIds: new Set(),
      vocabularySize: this.#policy.manifest.vocab_size,
    });
    const loop = new EngineLoop(this.#policy, scheduler, (message) => port.postMessage(message));
    const maxTokens = 1 + warmUpSteps + steps;
    loop.receive({ type: 'submit', requests: requests(batch, temperature, maxTokens) });
    const engine: number[] = [];
    const bare: number[] = [];
    const runs = watchRuns();
    // The first step is the prefill of all.
    for (let step = 0; step < maxTokens; step++) {
      runs.takeMs();
      const startMs = performance.now();
      loop.step();
      const endMs = performance.now();
      if (step <= warmUpSteps) continue;
      engine.push(endMs - startMs);
      bare.push(runs.takeMs());
    }
    runs.forget();
    sink.close();
    return {
      batch,
      temperature,
      engineMs: median(engine),
      bareMs: median(bare),
      ratio: medianRatio(engine, bare),
    };
  }

  release(): void {
    this.#policy.release();
  }
}

function requests(batch: number, temperature: number, maxTokens: number): SequenceRequest[] {
  return Array.from({ length: batch }, (_, id) => ({
    id,
    ...plainSequence(promptTokens, maxTokens, temperature, id),
  }));
}

interface GraphTime {
  /** Spent in runs since it was last asked. */
  takeMs(): number;
  forget(): void;
}

/** Watches every run of a graph from here on; those on the side thread count by how long they hold up this one. */
function watchRuns(): GraphTime {
  const { run: runBinding } = Binding.prototype;
  const { run: runBeside } = SideThread.prototype;
  let depth = 0;
  let spentMs = 0;
  function timed(run: () => void): void {
    const startMs = performance.now();
    depth++;
    run();
    depth--;
    if (depth === 0) spentMs += performance.now() - startMs;
  }
  Binding.prototype.run = function watched(this: Binding): void {
    timed(() => runBinding.call(this));
  };
  SideThread.prototype.run = function watched(this: SideThread, ...runs): void {
    timed(() => runBeside.apply(this, runs));
  };
  return {
    takeMs() {
      const taken = spentMs;
      spentMs = 0;
      return taken;
    },
    forget() {
      Binding.prototype.run = runBinding;
      SideThread.prototype.run = runBeside;
    },
  };
}
