// One graph, loaded for one device, and what it says of its inputs and outputs.
import koffi from 'koffi';
import type { OutWord, Pointer, Status } from './api.ts';
import { appendProvider, type Device, explainDeviceError, refuseFallback } from './device.ts';
import { type ElementType, elementTypeOf } from './element-type.ts';
import type { Handle, Runtime } from './runtime.ts';

export interface GraphValue {
  readonly name: string;
  /** Null for a type this project has no use for. */
  readonly elementType: ElementType | null;
  /** Null stands for a size chosen at run time. */
  readonly shape: readonly (number | null)[];
}

export interface SessionSettings {
  readonly device: Device;
  /** Threads inside one operator; 0 lets ONNX Runtime decide. */
  readonly threads: number;
}

export class Session {
  readonly runtime: Runtime;
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly #session: Handle;

  /** Of the file at a path, or of a model's bytes. */
  constructor(runtime: Runtime, model: string | Uint8Array, settings: SessionSettings) {
    const { api } = runtime;
    this.runtime = runtime;
    const options = runtime.own(api.CreateSessionOptions, api.ReleaseSessionOptions);
    try {
      runtime.check(api.SetIntraOpNumThreads(options.pointer, settings.threads));
      appendProvider(runtime, options, settings.device);
      this.#session = createSession(runtime, model, options, settings.device);
    } catch (error) {
      throw explainDeviceError(error, runtime, settings.device);
    } finally {
      options.release();
    }
    this.inputs = this.#describe(
      api.SessionGetInputCount,
      api.SessionGetInputName,
      api.SessionGetInputTypeInfo,
    );
    this.outputs = this.#describe(
      api.SessionGetOutputCount,
      api.SessionGetOutputName,
      api.SessionGetOutputTypeInfo,
    );
  }

  get pointer(): Pointer {
    return this.#session.pointer;
  }

  release(): void {
    this.#session.release();
  }

  #describe(
    count: (session: Pointer, out: OutWord) => Status,
    name: (session: Pointer, index: number, allocator: Pointer, out: OutWord) => Status,
    typeInfo: (session: Pointer, index: number, out: OutWord) => Status,
  ): GraphValue[] {
    const { runtime, pointer: session } = this;
    const total = Number(runtime.word((out) => count(session, out)));
    return Array.from({ length: total }, (_, index) => ({
      name: readName(runtime, (allocator, out) => name(session, index, allocator, out)),
      ...readType(runtime, (out) => typeInfo(session, index, out)),
    }));
  }
}

function createSession(
  runtime: Runtime,
  model: string | Uint8Array,
  options: Handle,
  device: Device,
): Handle {
  const { api, env } = runtime;
  const create = (out: OutWord): Status =>
    typeof model === 'string'
      ? api.CreateSession(env.pointer, model, options.pointer, out)
      : api.CreateSessionFromArray(env.pointer, model, model.byteLength, options.pointer, out);
  const session = runtime.own(create, api.ReleaseSession);
  try {
    refuseFallback(runtime, session.pointer, device);
    return session;
  } catch (error) {
    session.release();
    throw error;
  }
}

function readName(runtime: Runtime, call: (allocator: Pointer, out: OutWord) => Status): string {
  const { api } = runtime;
  const allocator = runtime.word(api.GetAllocatorWithDefaultOptions);
  const text = runtime.word((out) => call(allocator, out));
  const name: string = koffi.decode.string(text);
  runtime.check(api.AllocatorFree(allocator, text));
  return name;
}

function readType(
  runtime: Runtime,
  call: (out: OutWord) => Status,
): Pick<GraphValue, 'elementType' | 'shape'> {
  const { api } = runtime;
  const typeInfo = runtime.own(call, api.ReleaseTypeInfo);
  try {
    // The tensor's part of a type is lent by it: nothing to release. It is 0 for sequences and maps.
    const tensorInfo = runtime.word((out) => api.CastTypeInfoToTensorInfo(typeInfo.pointer, out));
    if (tensorInfo === 0n) return { elementType: null, shape: [] };
    const code = Number(runtime.word((out) => api.GetTensorElementType(tensorInfo, out)));
    const rank = Number(runtime.word((out) => api.GetDimensionsCount(tensorInfo, out)));
    const sizes = new BigInt64Array(rank);
    runtime.check(api.GetDimensions(tensorInfo, sizes, rank));
    return {
      elementType: elementTypeOf(code),
      shape: Array.from(sizes, (size) => (size < 0n ? null : Number(size))),
    };
  } finally {
    typeInfo.release();
  }
}
