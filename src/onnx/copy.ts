// Copies tensors that lie on a device, where JavaScript cannot reach.
import type { Runtime } from './runtime.ts';
import type { Tensor } from './tensor.ts';

/** `targets[i]` takes the content of `sources[i]`; both have the same shape. */
export function copyTensors(
  runtime: Runtime,
  sources: readonly Tensor[],
  targets: readonly Tensor[],
): void {
  const pointers = (tensors: readonly Tensor[]): BigUint64Array =>
    BigUint64Array.from(tensors, (tensor) => tensor.pointer);
  runtime.check(
    runtime.api.CopyTensors(
      runtime.env.pointer,
      pointers(sources),
      pointers(targets),
      null,
      sources.length,
    ),
  );
}
