// Runs `step.onnx` over a batch: both models and their combination, for a prefill chunk or a decode step.
import type { Session } from '../onnx/session.ts';
import type { KvCache } from './kv-cache.ts';
import type { PolicyRow } from './policy-row.ts';
import { SlotBinding } from './slot-binding.ts';
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
  /** By slot range; the oldest makes room for a new one. */
  readonly #bindings = new Map<number, SlotBinding>();

  constructor(parts: StepGraphParts) {
    this.#parts = parts;
  }

  /** Valid until the next run. */
  run(batch: StepBatch<PolicyRow>): StepScores {
    const { inputs, outputs, scores, readsInputsInPlace } = this.#parts;
    const { firstSlot, rows, width, scoring } = batch;
    const binding = this.#bindingOf(firstSlot, rows.length);
    inputs.fill(batch);
    const scored = scoring === 'every' ? width : rows.length;
    binding.setShape(width, scored, inputs, outputs);
    if (!readsInputsInPlace) binding.copyInputs();
    binding.run();
    scores.refresh(batch, scored);
    return scores;
  }

  release(): void {
    for (const binding of this.#bindings.values()) binding.release();
  }

  #bindingOf(firstSlot: number, sequences: number): SlotBinding {
    const { session, cache } = this.#parts;
    const key = firstSlot * (this.#parts.capacity.sequences + 1) + sequences;
    const known = this.#bindings.get(key);
    if (known) return known;
    this.#makeRoom();
    const binding = new SlotBinding(session, cache, firstSlot, sequences);
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
