// Runs the behavior model and the value model side by side, a thread each, and then their combination. On a CPU that is
// faster than one graph on all threads: neither model waits for threads between its operators.
import type { Session } from '../onnx/session.ts';
import type { SideThread } from '../onnx/side-thread.ts';
import { CacheBinding } from './cache-binding.ts';
import type { Combination } from './combination.ts';
import type { ModelRole } from './graph-contract.ts';
import type { PolicyRow } from './policy-row.ts';
import { RangeBindings } from './range-bindings.ts';
import { type StepBatch, usesValue } from './step-batch.ts';
import type { StepParts } from './step-graph.ts';
import type { RunShape, StepInputs } from './step-inputs.ts';
import type { StepRunner } from './step-runner.ts';
import type { StepScores } from './step-scores.ts';

export interface ModelPairParts extends StepParts {
  readonly sessions: Readonly<Record<ModelRole, Session>>;
  readonly combination: Combination;
  /** Null where all runs on one thread. */
  readonly sideThread: SideThread | null;
  /** For rows that the side thread runs of a batch that it shares. */
  readonly sideInputs: StepInputs;
}

export class ModelPair implements StepRunner {
  readonly #parts: ModelPairParts;
  readonly #behavior: RangeBindings;
  readonly #value: RangeBindings;
  /** The behavior model's for the side thread. */
  readonly #sideBehavior: RangeBindings;

  constructor(parts: ModelPairParts) {
    const { sessions, cache, capacity, combination } = parts;
    const bindingsOf = (model: ModelRole, inputs: StepInputs): RangeBindings =>
      new RangeBindings(capacity.sequences, ({ first, count }) => {
        return new CacheBinding(sessions[model], cache.modelViews(model, first, count), {
          inputs: (run) => inputs.modelViews(run),
          outputs: (run) => [combination.logitsView(model, run)],
        });
      });
    this.#parts = parts;
    this.#behavior = bindingsOf('behavior', parts.inputs);
    this.#value = bindingsOf('value', parts.inputs);
    this.#sideBehavior = bindingsOf('behavior', parts.sideInputs);
  }

  run(batch: StepBatch<PolicyRow>): StepScores {
    const { inputs, scores, combination, sideThread } = this.#parts;
    const shape = inputs.fill(batch);
    if (usesValue(batch.rows)) this.#runBoth(batch, shape);
    else if (sideThread !== null && batch.rows.length > 1) this.#shareBehavior(batch, sideThread);
    else this.#bound(this.#behavior, batch, shape).run();
    combination.run(shape.scored, sideThread);
    scores.refresh(batch, shape.scored);
    return scores;
  }

  release(): void {
    for (const bindings of [this.#behavior, this.#value, this.#sideBehavior]) bindings.release();
  }

  #runBoth(batch: StepBatch<PolicyRow>, shape: RunShape): void {
    const { sideThread } = this.#parts;
    const behavior = this.#bound(this.#behavior, batch, shape);
    const value = this.#bound(this.#value, batch, shape);
    if (sideThread === null) {
      behavior.run();
      value.run();
    } else {
      sideThread.run([value], () => behavior.run());
    }
  }

  /** Nobody needs the value model: its thread takes half of the rows through the behavior model. */
  #shareBehavior(batch: StepBatch<PolicyRow>, sideThread: SideThread): void {
    const { rows, firstSlot, width } = batch;
    const half = Math.ceil(rows.length / 2);
    const ownBatch = { ...batch, rows: rows.slice(0, half) };
    const sideBatch = { ...batch, firstSlot: firstSlot + half, rows: rows.slice(half) };
    const ownShape = { rows: half, tokens: half * width, scored: half, firstScored: 0 };
    const sideShape = { ...this.#parts.sideInputs.fill(sideBatch), firstScored: half };
    const own = this.#bound(this.#behavior, ownBatch, ownShape);
    const side = this.#bound(this.#sideBehavior, sideBatch, sideShape);
    sideThread.run([side], () => own.run());
  }

  #bound(bindings: RangeBindings, batch: StepBatch<PolicyRow>, shape: RunShape): CacheBinding {
    const binding = bindings.of(this.#parts.cache.rangeOf(batch));
    binding.setShape(shape);
    return binding;
  }
}
