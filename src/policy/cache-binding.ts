// The step graph bound to a range of slots, or to all of a paged cache. The cache is bound once; the small tensors only when their shapes change,
// which a decode's never do: a steady-state step binds nothing and allocates nothing.
import { Binding } from '../onnx/binding.ts';
import type { Session } from '../onnx/session.ts';
import type { Tensor } from '../onnx/tensor.ts';
import type { NamedTensor } from './host-inputs.ts';
import type { CacheRange, KvCache } from './kv-cache.ts';
import type { RunShape, StepInputs } from './step-inputs.ts';
import type { StepOutputs } from './step-outputs.ts';

export class CacheBinding {
  readonly #binding: Binding;
  readonly #cacheViews: readonly Tensor[];
  #shape: RunShape = { rows: 0, tokens: 0, scored: 0 };
  #inputViews: readonly NamedTensor[] = [];
  #outputViews: readonly NamedTensor[] = [];

  constructor(session: Session, cache: KvCache, { first, count }: CacheRange) {
    this.#binding = new Binding(session);
    this.#cacheViews = cache.views(first, count).map((view) => {
      // The same memory as past and present: attention then appends in place.
      this.#binding.bindInput(view.pastName, view.tensor);
      this.#binding.bindOutput(view.presentName, view.tensor);
      return view.tensor;
    });
  }

  setShape(shape: RunShape, inputs: StepInputs, outputs: StepOutputs): void {
    const { rows, tokens, scored } = this.#shape;
    if (shape.rows === rows && shape.tokens === tokens && shape.scored === scored) return;
    const inputViews = inputs.views(shape);
    const outputViews = outputs.views(shape.scored);
    for (const { name, tensor } of inputViews) this.#binding.bindInput(name, tensor);
    for (const { name, tensor } of outputViews) this.#binding.bindOutput(name, tensor);
    this.#releaseViews();
    this.#inputViews = inputViews;
    this.#outputViews = outputViews;
    this.#shape = shape;
  }

  /** Hands the inputs to a device, which took its copy when they were bound. */
  copyInputs(): void {
    for (const { name, tensor } of this.#inputViews) this.#binding.bindInput(name, tensor);
  }

  run(): void {
    this.#binding.run();
  }

  release(): void {
    this.#binding.release();
    this.#releaseViews();
    for (const view of this.#cacheViews) view.release();
  }

  #releaseViews(): void {
    for (const { tensor } of this.#inputViews) tensor.release();
    for (const { tensor } of this.#outputViews) tensor.release();
  }
}
