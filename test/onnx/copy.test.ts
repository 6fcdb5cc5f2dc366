import { describe, expect, it } from 'vitest';
import { TensorCopy } from '../../src/onnx/copy.ts';
import type { ElementType } from '../../src/onnx/element-type.ts';
import { identityGraph } from '../../src/onnx/identity-graph.ts';
import { Runtime } from '../../src/onnx/runtime.ts';
import { Session } from '../../src/onnx/session.ts';
import { Memory } from '../../src/onnx/tensor.ts';

const device = { kind: 'cpu' } as const;

describe('TensorCopy', () => {
  it('copies many tensors in one run, whatever their types and shapes', () => {
    const types: ElementType[] = ['float32', 'float16', 'bfloat16'];
    // Enough of them that lengths in the graph's bytes take more than one byte.
    const elementTypes = Array.from({ length: 120 }, (_, index) => types[index % 3] ?? 'float32');
    const runtime = new Runtime(null);
    const copy = new TensorCopy(runtime, device, elementTypes);
    const session = new Session(runtime, identityGraph(['float32']), { device, threads: 1 });
    const memory = new Memory(runtime, device, session);
    const tensors = elementTypes.map((type, index) => memory.allocate(type, [2, 1 + index, 4]));
    const buffers = tensors.map((tensor) => new Uint8Array(tensor.hostBuffer()));
    const halves = [0, 1].map((half) =>
      tensors.map((tensor) =>
        tensor.view((half * tensor.byteLength) / 2, [1, tensor.shape[1] ?? 0, 4]),
      ),
    );
    for (const [index, bytes] of buffers.entries()) {
      bytes.subarray(0, bytes.length / 2).fill(index + 1);
      bytes.subarray(bytes.length / 2).fill(0);
    }
    copy.copy(halves[0] ?? [], halves[1] ?? []);
    for (const [index, bytes] of buffers.entries()) {
      expect(bytes.every((byte) => byte === index + 1)).toBe(true);
    }
    for (const view of halves.flat()) view.release();
    for (const tensor of tensors) tensor.release();
    for (const owner of [memory, session, copy, runtime]) owner.release();
  });
});
