// Runs `step.onnx` over a batch: both models and their combination, for a prefill chunk or a decode step.
import type { Session } from '../onnx/session.ts';
import type { Memory } from '../onnx/tensor.ts';
import type { KvCache } from './kv-cache.ts';
import { SlotBinding } from './slot-binding.ts';
import type { StepBatch } from './step-batch.ts';
import { type StepCapacity, StepInputs } from './step-inputs.ts';
import { StepOutputs, type StepScores } from './step-outputs.ts';

/** One per batch size for decoding, one per slot for prefill, and as many again for prefills of several slots. */
const bindingsPerSequence = 3;

export class StepGraph {
  readonly #session: Session;
  readonly #cache: KvCache;
  readonly #inputs: StepInputs;
  readonly #outputs: StepOutputs;
  readonly #capacity: StepCapacity;
  readonly #readsHostInputs: boolean;
  /** By slot range; the oldest makes room for a new one. */
  readonly #bindings = new Map<number, SlotBinding>();

  constructor(
    session: Session,
    cache: KvCache,
    host: Memory,
    options: {
      readonly capacity: StepCapacity;
      readonly vocabularySize: number;
      /** The session computes on the host, so it reads the inputs where they are. */
      readonly readsHostInputs: boolean;
    },
  ) {
    this.#session = session;
    this.#cache = cache;
    this.#capacity = options.capacity;
    this.#readsHostInputs = options.readsHostInputs;
    this.#inputs = new StepInputs(host, options.capacity);
    this.#outputs = new StepOutputs(host, options.capacity.scored, options.vocabularySize);
  }

  /** Valid until the next run. */
  run(batch: StepBatch): StepScores {
    const { firstSlot, rows, width, scoring } = batch;
    const binding = this.#bindingOf(firstSlot, rows.length);
    this.#inputs.fill(batch);
    const scored = scoring === 'every' ? width : rows.length;
    binding.setShape(width, scored, this.#inputs, this.#outputs);
    if (!this.#readsHostInputs) binding.copyInputs();
    binding.run();
    return this.#outputs;
  }

  release(): void {
    for (const binding of this.#bindings.values()) binding.release();
    this.#inputs.release();
    this.#outputs.release();
  }

  #bindingOf(firstSlot: number, sequences: number): SlotBinding {
    const key = firstSlot * (this.#capacity.sequences + 1) + sequences;
    const known = this.#bindings.get(key);
    if (known) return known;
    this.#makeRoom();
    const binding = new SlotBinding(this.#session, this.#cache, firstSlot, sequences);
    this.#bindings.set(key, binding);
    return binding;
  }

  #makeRoom(): void {
    if (this.#bindings.size < bindingsPerSequence * this.#capacity.sequences) return;
    for (const [key, oldest] of this.#bindings) {
      oldest.release();
      this.#bindings.delete(key);
      return;
    }
  }
}
