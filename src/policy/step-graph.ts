// Runs `step.onnx` over a batch: both models and their combination, for a prefill chunk or a decode step.
import type { Session } from '../onnx/session.ts';
import { CacheBinding } from './cache-binding.ts';
import type { KvCache } from './kv-cache.ts';
import type { PolicyRow } from './policy-row.ts';
import { RangeBindings } from './range-bindings.ts';
import type { StepBatch } from './step-batch.ts';
import type { StepCapacity, StepInputs } from './step-inputs.ts';
import type { StepOutputs } from './step-outputs.ts';
import type { StepRunner } from './step-runner.ts';
import type { RunScores, StepScores } from './step-scores.ts';

export interface StepParts {
  readonly cache: KvCache;
  readonly capacity: StepCapacity;
  readonly inputs: StepInputs;
  readonly outputs: StepOutputs;
  /** Of those outputs. */
  readonly scores: RunScores;
}

export class StepGraph implements StepRunner {
  readonly #parts: StepParts;
  readonly #readsInputsInPlace: boolean;
  readonly #bindings: RangeBindings;

  /** `readsInputsInPlace`: the session computes where the inputs are, so it reads them there. */
  constructor(session: Session, parts: StepParts, readsInputsInPlace: boolean) {
    const { cache, capacity, inputs, outputs } = parts;
    this.#parts = parts;
    this.#readsInputsInPlace = readsInputsInPlace;
    this.#bindings = new RangeBindings(capacity.sequences, ({ first, count }) => {
      return new CacheBinding(session, cache.views(first, count), {
        inputs: (run) => [...inputs.modelViews(run), ...inputs.combinationViews(0, run.scored)],
        outputs: ({ scored }) => outputs.views(0, scored),
      });
    });
  }

  run(batch: StepBatch<PolicyRow>): StepScores {
    const { cache, inputs, scores } = this.#parts;
    const binding = this.#bindings.of(cache.rangeOf(batch));
    const shape = inputs.fill(batch);
    binding.setShape(shape);
    if (!this.#readsInputsInPlace) binding.copyInputs();
    binding.run();
    scores.refresh(batch, shape.scored);
    return scores;
  }

  release(): void {
    this.#bindings.release();
  }
}
