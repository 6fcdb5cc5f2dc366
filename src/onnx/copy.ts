// Copies tensors that lie on a device, where JavaScript cannot reach. A session of Identity nodes does it on the device
// itself: ONNX Runtime's own CopyTensors finds no way between tensors of a provider that came with session options.
import { Binding } from './binding.ts';
import type { Device } from './device.ts';
import type { ElementType } from './element-type.ts';
import { copySourceName, copyTargetName, identityGraph } from './identity-graph.ts';
import type { Runtime } from './runtime.ts';
import { Session } from './session.ts';
import type { Tensor } from './tensor.ts';

export class TensorCopy {
  readonly #session: Session;

  /** For as many tensors at a time as there are element types, of these types in this order. */
  constructor(runtime: Runtime, device: Device, elementTypes: readonly ElementType[]) {
    this.#session = new Session(runtime, identityGraph(elementTypes), { device, threads: 1 });
  }

  /** `targets[i]` takes the content of `sources[i]`; both have the same shape and no memory in common. */
  copy(sources: readonly Tensor[], targets: readonly Tensor[]): void {
    const binding = new Binding(this.#session);
    try {
      for (const [index, source] of sources.entries()) {
        binding.bindInput(copySourceName(index), source);
      }
      for (const [index, target] of targets.entries()) {
        binding.bindOutput(copyTargetName(index), target);
      }
      binding.run();
    } finally {
      binding.release();
    }
  }

  release(): void {
    this.#session.release();
  }
}
