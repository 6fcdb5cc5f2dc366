// Small inputs of a graph in the host's memory, written before every run and bound in part.
import { type ElementType, elementBytes } from '../onnx/element-type.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';

export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

export class HostInputs {
  readonly #host: Memory;
  readonly #tensors = new Map<string, Tensor>();

  constructor(host: Memory) {
    this.#host = host;
  }

  /** Zeros for an input of at most this shape. */
  allocate(name: string, type: ElementType, shape: readonly number[]): ArrayBuffer {
    const tensor = this.#host.allocate(type, shape);
    this.#tensors.set(name, tensor);
    const buffer = tensor.hostBuffer();
    new Uint8Array(buffer).fill(0);
    return buffer;
  }

  /** Values of one input from `first` on; released by the caller. */
  view(name: string, first: number, shape: readonly number[]): NamedTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`There is no input "${name}".`);
    return { name, tensor: tensor.view(first * elementBytes(tensor.elementType), shape) };
  }

  release(): void {
    for (const tensor of this.#tensors.values()) tensor.release();
  }
}
