// Memory ONNX Runtime reads and writes, and the OrtValues over it. All of it is ONNX Runtime's own allocation, never a
// JavaScript buffer: nothing the garbage collector does can pull it from under a running graph.
import koffi from 'koffi';
import type { OutWord, Pointer, Status } from './api.ts';
import type { Device } from './device.ts';
import { type ElementType, elementBytes, elementCode } from './element-type.ts';
import type { Handle, Runtime } from './runtime.ts';
import type { Session } from './session.ts';

const deviceAllocator = 0;
const memoryTypeDefault = 0;

/** One allocator of ONNX Runtime's and the description of the memory it gives. */
export class Memory {
  readonly runtime: Runtime;
  readonly device: Device;
  readonly isHost: boolean;
  readonly info: Handle;
  readonly #allocator: Handle;

  /** The memory `session` computes in; the host's when it has no device of its own. */
  constructor(runtime: Runtime, device: Device, session: Session) {
    const { api } = runtime;
    const [name, index] = device.kind === 'cpu' ? ['Cpu', 0] : ['Cuda', device.index];
    this.runtime = runtime;
    this.device = device;
    this.isHost = device.kind === 'cpu';
    this.info = runtime.own(
      (out) => api.CreateMemoryInfo(name, deviceAllocator, index, memoryTypeDefault, out),
      api.ReleaseMemoryInfo,
    );
    // On the host the default allocator, not the session's: that one is an arena, which grows by doubling.
    this.#allocator = this.isHost
      ? runtime.own(api.GetAllocatorWithDefaultOptions, () => {})
      : runtime.own(
          (out) => api.CreateAllocator(session.pointer, this.info.pointer, out),
          api.ReleaseAllocator,
        );
  }

  allocate(elementType: ElementType, shape: readonly number[]): Tensor {
    const { api } = this.runtime;
    return new Tensor(this, elementType, shape, (dimensions, out) =>
      api.CreateTensorAsOrtValue(
        this.#allocator.pointer,
        dimensions,
        dimensions.length,
        elementCode(elementType),
        out,
      ),
    );
  }

  /** Only once every tensor of this memory has been released. */
  release(): void {
    this.#allocator.release();
    this.info.release();
  }
}

export class Tensor {
  readonly memory: Memory;
  readonly elementType: ElementType;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #value: Handle;
  readonly #address: Pointer;

  constructor(
    memory: Memory,
    elementType: ElementType,
    shape: readonly number[],
    create: (dimensions: BigInt64Array, out: OutWord) => Status,
  ) {
    const { runtime } = memory;
    const dimensions = BigInt64Array.from(shape, BigInt);
    this.memory = memory;
    this.elementType = elementType;
    this.shape = shape;
    this.byteLength = byteLengthOf(elementType, shape);
    this.#value = runtime.own((out) => create(dimensions, out), runtime.api.ReleaseValue);
    this.#address = runtime.word((out) =>
      runtime.api.GetTensorMutableData(this.#value.pointer, out),
    );
  }

  get pointer(): Pointer {
    return this.#value.pointer;
  }

  /** Another shape over part of this tensor's memory; to be released before this tensor is. */
  view(byteOffset: number, shape: readonly number[]): Tensor {
    const { runtime, info } = this.memory;
    const byteLength = byteLengthOf(this.elementType, shape);
    if (byteOffset < 0 || byteOffset + byteLength > this.byteLength) {
      throw new RangeError(
        `A view of bytes ${byteOffset} to ${byteOffset + byteLength} leaves a tensor of ${this.byteLength} bytes.`,
      );
    }
    return new Tensor(this.memory, this.elementType, shape, (dimensions, out) =>
      runtime.api.CreateTensorWithDataAsOrtValue(
        info.pointer,
        this.#address + BigInt(byteOffset),
        byteLength,
        dimensions,
        dimensions.length,
        elementCode(this.elementType),
        out,
      ),
    );
  }

  /** A view of `count` indices of the outermost axis. */
  rows(first: number, count: number): Tensor {
    const [total = 0, ...row] = this.shape;
    return this.view((first * this.byteLength) / total, [count, ...row]);
  }

  /** The memory itself, host only. Call once per tensor; never touch it after `release`. */
  hostBuffer(): ArrayBuffer {
    if (!this.memory.isHost) throw new Error('A device tensor has no host buffer.');
    return koffi.view(this.#address, this.byteLength);
  }

  release(): void {
    this.#value.release();
  }
}

function byteLengthOf(elementType: ElementType, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, elementBytes(elementType));
}
