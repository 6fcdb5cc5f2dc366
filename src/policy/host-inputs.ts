// Small inputs of a graph in the host's memory, written before every run and bound in part.
import type { ElementType } from '../onnx/element-type.ts';
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

  /** Views of the first values of each, in the shapes of one run; released by the caller. */
  views(shapeOf: (name: string) => readonly number[]): NamedTensor[] {
    return [...this.#tensors].map(([name, tensor]) => ({
      name,
      tensor: tensor.view(0, shapeOf(name)),
    }));
  }

  release(): void {
    for (const tensor of this.#tensors.values()) tensor.release();
  }
}
