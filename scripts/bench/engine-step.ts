// The engine's step against its limit: after every step, the same run again, bare. Same thread, same batch, same
// bindings; the run finds its inputs as they were and writes what it wrote before.
import { MessageChannel } from 'node:worker_threads';
import { EngineLoop } from '../../src/engine/loop.ts';
import type { SequenceRequest } from '../../src/engine/messages.ts';
import { Scheduler } from '../../src/engine/scheduler.ts';
import { Binding } from '../../src/onnx/binding.ts';
import { loadPolicy } from '../../src/policy/load-policy.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { plainSequence } from './plain-sequence.ts';
import { median, medianRatio } from './statistics.ts';

const promptTokens = 32;
const warmUpSteps = 5;

export interface StepTimes {
  readonly batch: number;
  readonly temperature: number;
  readonly engineMs: number;
  readonly bareMs: number;
  /** Of the engine's step to the bare run after it. */
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
    const lastRun = rememberLastRun();
    // The first step is the prefill of all.
    for (let step = 0; step < maxTokens; step++) {
      const startMs = performance.now();
      loop.step();
      const endMs = performance.now();
      if (step <= warmUpSteps) continue;
      engine.push(endMs - startMs);
      bare.push(timeAgain(lastRun.binding));
    }
    lastRun.forget();
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

function timeAgain(binding: Binding | null): number {
  const startMs = performance.now();
  binding?.run();
  return performance.now() - startMs;
}

interface LastRun {
  binding: Binding | null;
  forget(): void;
}

function rememberLastRun(): LastRun {
  const { run } = Binding.prototype;
  const lastRun: LastRun = {
    binding: null,
    forget() {
      Binding.prototype.run = run;
    },
  };
  Binding.prototype.run = function remembered(this: Binding): void {
    lastRun.binding = this;
    run.call(this);
  };
  return lastRun;
}
