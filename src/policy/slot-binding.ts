// The step graph bound to one range of slots. The cache is bound once; the small tensors only when their shapes change,
// which a decode's never do: a steady-state step binds nothing and allocates nothing.
import { Binding } from '../onnx/binding.ts';
import type { Session } from '../onnx/session.ts';
import type { Tensor } from '../onnx/tensor.ts';
import type { KvCache } from './kv-cache.ts';
import type { NamedTensor, StepInputs } from './step-inputs.ts';
import type { StepOutputs } from './step-outputs.ts';

export class SlotBinding {
  readonly #binding: Binding;
  readonly #cacheViews: readonly Tensor[];
  readonly #sequences: number;
  #width = 0;
  #scored = 0;
  #inputViews: readonly NamedTensor[] = [];
  #outputViews: readonly NamedTensor[] = [];

  constructor(session: Session, cache: KvCache, firstSlot: number, sequences: number) {
    this.#binding = new Binding(session);
    this.#sequences = sequences;
    this.#cacheViews = cache.views(firstSlot, sequences).map((view) => {
      // The same memory as past and present: GroupQueryAttention then appends in place.
      this.#binding.bindInput(view.pastName, view.tensor);
      this.#binding.bindOutput(view.presentName, view.tensor);
      return view.tensor;
    });
  }

  setShape(width: number, scored: number, inputs: StepInputs, outputs: StepOutputs): void {
    if (width === this.#width && scored === this.#scored) return;
    const inputViews = inputs.views(this.#sequences, width, scored);
    const outputViews = outputs.views(scored);
    for (const { name, tensor } of inputViews) this.#binding.bindInput(name, tensor);
    for (const { name, tensor } of outputViews) this.#binding.bindOutput(name, tensor);
    this.#releaseViews();
    this.#inputViews = inputViews;
    this.#outputViews = outputViews;
    this.#width = width;
    this.#scored = scored;
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
