// Runs `step.onnx` over a batch: both models and their combination, for a prefill chunk or a decode step.
import type { Session } from '../onnx/session.ts';
import { CacheBinding } from './cache-binding.ts';
import type { CacheRange, KvCache } from './kv-cache.ts';
import type { PolicyRow } from './policy-row.ts';
import type { StepBatch } from './step-batch.ts';
import type { StepCapacity, StepInputs } from './step-inputs.ts';
import type { StepOutputs } from './step-outputs.ts';
import type { RunScores, StepScores } from './step-scores.ts';

/** One per batch size for decoding, one per slot for prefill, and as many again for prefills of several slots. */
const bindingsPerSequence = 3;

export interface StepGraphParts {
  readonly session: Session;
  readonly cache: KvCache;
  readonly capacity: StepCapacity;
  readonly inputs: StepInputs;
  /** The session computes where the inputs are, so it reads them there. */
  readonly readsInputsInPlace: boolean;
  readonly outputs: StepOutputs;
  /** Of those outputs. */
  readonly scores: RunScores;
}

export class StepGraph {
  readonly #parts: StepGraphParts;
  /** By range; the oldest makes room for a new one. */
  readonly #bindings = new Map<string, CacheBinding>();

  constructor(parts: StepGraphParts) {
    this.#parts = parts;
  }

  /** Valid until the next run. */
  run(batch: StepBatch<PolicyRow>): StepScores {
    const { cache, inputs, outputs, scores, readsInputsInPlace } = this.#parts;
    const binding = this.#bindingOf(cache.rangeOf(batch));
    const shape = inputs.fill(batch);
    binding.setShape(shape, inputs, outputs);
    if (!readsInputsInPlace) binding.copyInputs();
    binding.run();
    scores.refresh(batch, shape.scored);
    return scores;
  }

  release(): void {
    for (const binding of this.#bindings.values()) binding.release();
  }

  #bindingOf(range: CacheRange): CacheBinding {
    const { session, cache } = this.#parts;
    const key = `${range.first} ${range.count}`;
    const known = this.#bindings.get(key);
    if (known) return known;
    this.#makeRoom();
    const binding = new CacheBinding(session, cache, range);
    this.#bindings.set(key, binding);
    return binding;
  }

  #makeRoom(): void {
    if (this.#bindings.size < bindingsPerSequence * this.#parts.capacity.sequences) return;
    for (const [key, oldest] of this.#bindings) {
      oldest.release();
      this.#bindings.delete(key);
      return;
    }
  }
}
