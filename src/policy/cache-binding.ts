// A graph bound to a range of slots, or to all of a paged cache. The cache is bound once; the small tensors only when their
// shapes change, which a decode's never do: a steady-state step binds nothing and allocates nothing.
import { Binding } from '../onnx/binding.ts';
import type { Session } from '../onnx/session.ts';
import type { NamedTensor } from './host-inputs.ts';
import type { KvView } from './kv-cache.ts';
import type { RunShape } from './step-inputs.ts';

/** Views of what a graph takes and gives beside its cache, in the shapes of a run; released by whoever asks. */
export interface RunTensors {
  inputs(shape: RunShape): NamedTensor[];
  outputs(shape: RunShape): NamedTensor[];
}

export class CacheBinding extends Binding {
  readonly #tensors: RunTensors;
  readonly #cacheViews: readonly KvView[];
  #shape: RunShape | null = null;
  #inputViews: readonly NamedTensor[] = [];
  #outputViews: readonly NamedTensor[] = [];

  /** Owns the views of the cache. */
  constructor(session: Session, cacheViews: readonly KvView[], tensors: RunTensors) {
    super(session);
    this.#tensors = tensors;
    this.#cacheViews = cacheViews;
    for (const { pastName, presentName, tensor } of cacheViews) {
      // The same memory as past and present: attention then appends in place.
      this.bindInput(pastName, tensor);
      this.bindOutput(presentName, tensor);
    }
  }

  setShape(shape: RunShape): void {
    if (this.#shape !== null && isSame(this.#shape, shape)) return;
    const inputViews = this.#tensors.inputs(shape);
    const outputViews = this.#tensors.outputs(shape);
    for (const { name, tensor } of inputViews) this.bindInput(name, tensor);
    for (const { name, tensor } of outputViews) this.bindOutput(name, tensor);
    this.#releaseViews();
    this.#inputViews = inputViews;
    this.#outputViews = outputViews;
    this.#shape = shape;
  }

  /** Hands the inputs to a device, which took its copy when they were bound. */
  copyInputs(): void {
    for (const { name, tensor } of this.#inputViews) this.bindInput(name, tensor);
  }

  override release(): void {
    super.release();
    this.#releaseViews();
    for (const { tensor } of this.#cacheViews) tensor.release();
  }

  #releaseViews(): void {
    for (const { tensor } of this.#inputViews) tensor.release();
    for (const { tensor } of this.#outputViews) tensor.release();
  }
}

function isSame(one: RunShape, other: RunShape): boolean {
  return (
    one.rows === other.rows &&
    one.tokens === other.tokens &&
    one.scored === other.scored &&
    one.firstScored === other.firstScored
  );
}
