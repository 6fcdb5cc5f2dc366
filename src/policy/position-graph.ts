// A small graph over what a step left for each position: it runs where that lies and hands its results to the host.
import { Binding } from '../onnx/binding.ts';
import { elementBytes } from '../onnx/element-type.ts';
import { type GraphValue, Session } from '../onnx/session.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';
import type { NamedTensor } from './host-inputs.ts';
import { isStepOutput, type StepOutputs } from './step-outputs.ts';

export class PositionGraph {
  /** What a run gives to the host for each position. */
  readonly positionBytes: number;
  readonly #session: Session;
  readonly #binding: Binding;
  readonly #outputs: StepOutputs;
  readonly #inputs = new Map<string, Tensor>();
  readonly #results = new Map<string, Tensor>();
  #scored = 0;
  #inputViews: readonly NamedTensor[] = [];
  #views: readonly NamedTensor[] = [];

  /** It runs in the first memory. `columns`: how many values each position has in what the graph takes from the host, and in what it gives. */
  constructor(
    { runtime, device }: Memory,
    host: Memory,
    graph: Uint8Array,
    outputs: StepOutputs,
    columns: Readonly<Record<string, number>>,
  ) {
    this.#session = new Session(runtime, graph, { device, threads: 1 });
    this.#binding = new Binding(this.#session);
    this.#outputs = outputs;
    const allocate = ({ name, elementType }: GraphValue): Tensor => {
      if (elementType === null) throw new Error(`${name} has a type that is not known.`);
      return host.allocate(elementType, [outputs.scored, columns[name] ?? 1]);
    };
    for (const value of this.#session.inputs) {
      if (!isStepOutput(value.name)) this.#inputs.set(value.name, allocate(value));
    }
    for (const value of this.#session.outputs) this.#results.set(value.name, allocate(value));
    this.positionBytes = [...this.#results.values()].reduce(
      (sum, { elementType, shape }) => sum + elementBytes(elementType) * (shape[1] ?? 1),
      0,
    );
  }

  /** The memory of an input or a result, as many rows as there are positions. */
  hostBuffer(name: string): ArrayBuffer {
    const tensor = this.#inputs.get(name) ?? this.#results.get(name);
    if (tensor === undefined) throw new Error(`The graph has no "${name}" on the host.`);
    return tensor.hostBuffer();
  }

  /** For the first `scored` positions of the step's run. */
  run(scored: number): void {
    if (scored === this.#scored) {
      // A device takes its copy of what is on the host when that is bound.
      for (const { name, tensor } of this.#inputViews) this.#binding.bindInput(name, tensor);
    } else {
      this.#bind(scored);
    }
    this.#binding.run();
  }

  release(): void {
    this.#binding.release();
    for (const { tensor } of [...this.#views, ...this.#inputViews]) tensor.release();
    for (const tensor of [...this.#inputs.values(), ...this.#results.values()]) tensor.release();
    this.#session.release();
  }

  #bind(scored: number): void {
    const view = ([name, tensor]: [string, Tensor]): NamedTensor => ({
      name,
      tensor: tensor.rows(0, scored),
    });
    const taken = new Set(this.#session.inputs.map(({ name }) => name));
    const found = this.#outputs.views(0, scored);
    const inputViews = [...this.#inputs].map(view);
    const resultViews = [...this.#results].map(view);
    for (const { name, tensor } of [...found, ...inputViews]) {
      if (taken.has(name)) this.#binding.bindInput(name, tensor);
    }
    for (const { name, tensor } of resultViews) this.#binding.bindOutput(name, tensor);
    for (const { tensor } of [...this.#views, ...this.#inputViews]) tensor.release();
    this.#views = [...found, ...resultViews];
    this.#inputViews = inputViews;
    this.#scored = scored;
  }
}
