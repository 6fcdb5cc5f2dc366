// One exported graph and nothing else: a decode step of a batch, bound once, in the middle of its cache.
import { Binding } from '../../src/onnx/binding.ts';
import type { Runtime } from '../../src/onnx/runtime.ts';
import { type GraphValue, Session } from '../../src/onnx/session.ts';
import { Memory, type Tensor } from '../../src/onnx/tensor.ts';

export interface BareSettings {
  readonly path: string;
  readonly batch: number;
  /** Tokens in the cache before the step. */
  readonly past: number;
  /** Tokens a row's cache holds. */
  readonly cacheLength: number;
  readonly threads: number;
  /** Whether a step graph runs its value model. */
  readonly usesValue: boolean;
}

export class BareGraph {
  readonly #binding: Binding;
  readonly #owned: { release(): void }[] = [];

  constructor(runtime: Runtime, settings: BareSettings) {
    const device = { kind: 'cpu' } as const;
    const session = this.#own(new Session(runtime, settings.path, { device, ...settings }));
    const memory = this.#own(new Memory(runtime, device, session));
    this.#binding = this.#own(new Binding(session));
    for (const value of session.inputs) {
      const tensor = this.#own(allocate(memory, value, settings));
      fill(tensor, value.name, settings);
      this.#binding.bindInput(value.name, tensor);
      if (!isCache(value.name)) continue;
      // Written in place.
      this.#binding.bindOutput(value.name.replace('past.', 'present.'), tensor);
    }
    for (const value of session.outputs) {
      if (value.name.includes('present.')) continue;
      this.#binding.bindOutput(value.name, this.#own(allocate(memory, value, settings)));
    }
  }

  run(): void {
    this.#binding.run();
  }

  release(): void {
    for (let owner = this.#owned.pop(); owner; owner = this.#owned.pop()) owner.release();
  }

  #own<T extends { release(): void }>(owner: T): T {
    this.#owned.push(owner);
    return owner;
  }
}

function isCache(name: string): boolean {
  return name.includes('past.');
}

function allocate(memory: Memory, value: GraphValue, settings: BareSettings): Tensor {
  if (value.elementType === null) throw new Error(`${value.name} has a type that is not known.`);
  const { batch, cacheLength } = settings;
  const openSizes = isCache(value.name) ? [batch, 0, cacheLength] : [batch, 1];
  const shape = value.shape.map((size, axis) => size ?? openSizes[axis] ?? 1);
  return memory.allocate(value.elementType, shape);
}

function fill(tensor: Tensor, name: string, { past, usesValue }: BareSettings): void {
  const buffer = tensor.hostBuffer();
  new Uint8Array(buffer).fill(0);
  if (name === 'input_ids') new BigInt64Array(buffer).fill(2n);
  else if (name === 'seqlens_k') new Int32Array(buffer).fill(past);
  else if (name === 'total_sequence_length') new Int32Array(buffer).fill(past + 1);
  else if (name === 'score_index') {
    const index = new BigInt64Array(buffer);
    for (let row = 0; row < index.length; row++) index[row] = BigInt(row);
  } else if (name === 'behavior_weight') new Float32Array(buffer).fill(1);
  else if (name === 'beta') new Float32Array(buffer).fill(Number(usesValue));
  else if (name === 'use_value') new Uint8Array(buffer).fill(Number(usesValue));
}
