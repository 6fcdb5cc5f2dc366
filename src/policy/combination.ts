// Runs `combination.onnx` over the logits of both models, a few positions at a time: what it makes on the way then stays in
// the processor's cache. Positions do not depend on each other, so two threads share them.
import { Binding } from '../onnx/binding.ts';
import type { Session } from '../onnx/session.ts';
import type { SideThread } from '../onnx/side-thread.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';
import type { ModelRole } from './graph-contract.ts';
import type { NamedTensor } from './host-inputs.ts';
import type { RunShape, StepInputs } from './step-inputs.ts';
import type { StepOutputs } from './step-outputs.ts';

/** Values in one tensor of a run: half a megabyte. */
const mostTileValues = 2 ** 17;

interface Tile {
  readonly binding: Binding;
  readonly views: readonly NamedTensor[];
}

export class Combination {
  readonly #session: Session;
  readonly #inputs: StepInputs;
  readonly #outputs: StepOutputs;
  readonly #logits: Readonly<Record<ModelRole, Tensor>>;
  readonly #tilePositions: number;
  /** By first position and count: at most as many as there are positions. */
  readonly #tiles = new Map<string, Tile>();

  constructor(
    session: Session,
    memory: Memory,
    inputs: StepInputs,
    outputs: StepOutputs,
    tileValues = mostTileValues,
  ) {
    const { scored, vocabularySize } = outputs;
    this.#session = session;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#logits = {
      behavior: memory.allocate('float32', [scored, vocabularySize]),
      value: memory.allocate('float32', [scored, vocabularySize]),
    };
    this.#tilePositions = Math.max(1, Math.floor(tileValues / vocabularySize));
  }

  /** Where a model's run leaves its logits; released by the caller. */
  logitsView(model: ModelRole, { firstScored, scored }: RunShape): NamedTensor {
    return { name: 'logits', tensor: this.#logits[model].rows(firstScored, scored) };
  }

  /** Both models have left the logits of `scored` positions. */
  run(scored: number, sideThread: SideThread | null): void {
    const bindings: Binding[] = [];
    for (let first = 0; first < scored; first += this.#tilePositions) {
      bindings.push(this.#bindingOf(first, Math.min(this.#tilePositions, scored - first)));
    }
    const half = sideThread === null ? bindings.length : Math.ceil(bindings.length / 2);
    const runHere = (): void => {
      for (let index = 0; index < half; index++) bindings[index]?.run();
    };
    if (sideThread === null || half === bindings.length) runHere();
    else sideThread.run(bindings.slice(half), runHere);
  }

  release(): void {
    for (const { binding, views } of this.#tiles.values()) {
      binding.release();
      for (const { tensor } of views) tensor.release();
    }
    this.#logits.behavior.release();
    this.#logits.value.release();
  }

  #bindingOf(first: number, count: number): Binding {
    const key = `${first} ${count}`;
    const known = this.#tiles.get(key);
    if (known) return known.binding;
    const tile = this.#bind(first, count);
    this.#tiles.set(key, tile);
    return tile.binding;
  }

  #bind(first: number, count: number): Tile {
    const binding = new Binding(this.#session);
    const { behavior, value } = this.#logits;
    const inputs = [
      { name: 'behavior_logits', tensor: behavior.rows(first, count) },
      { name: 'value_logits', tensor: value.rows(first, count) },
      ...this.#inputs.combinationViews(first, count),
    ];
    const outputs = this.#outputs.views(first, count);
    for (const { name, tensor } of inputs) binding.bindInput(name, tensor);
    for (const { name, tensor } of outputs) binding.bindOutput(name, tensor);
    return { binding, views: [...inputs, ...outputs] };
  }
}
