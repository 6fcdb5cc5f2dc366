import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Binding } from '../../src/onnx/binding.ts';
import { Runtime } from '../../src/onnx/runtime.ts';
import { Session } from '../../src/onnx/session.ts';
import { Memory } from '../../src/onnx/tensor.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';

const cpu = { device: { kind: 'cpu' }, threads: 1 } as const;
const graphPath = `${tinyPolicyFolder}/behavior.onnx`;
const thisFile = fileURLToPath(import.meta.url);

describe('Runtime', () => {
  it('loads the library that onnxruntime-node ships', () => {
    const runtime = new Runtime(null);
    expect(runtime.version).toMatch(/^1\.\d+\.\d+$/);
    runtime.release();
  });

  it('names a library that does not load', () => {
    expect(() => new Runtime('/nowhere/libonnxruntime.so')).toThrow(
      'Cannot load ONNX Runtime from /nowhere/libonnxruntime.so',
    );
    expect(() => new Runtime(thisFile)).toThrow(`Cannot load ONNX Runtime from ${thisFile}`);
  });
});

describe('with a session', () => {
  const runtime = new Runtime(null);
  const session = new Session(runtime, graphPath, cpu);
  const memory = new Memory(runtime, cpu.device, session);
  afterAll(() => {
    memory.release();
    session.release();
    runtime.release();
  });

  it('describes the graph', () => {
    expect(session.inputs).toContainEqual({
      name: 'past.0.key',
      elementType: 'float32',
      shape: [null, 1, null, 16],
    });
    expect(session.outputs.map(({ name }) => name)).toContain('logits');
  });

  it('passes on why a graph does not load', () => {
    expect(() => new Session(runtime, thisFile, cpu)).toThrow(/^ONNX Runtime: .*failed/s);
  });

  it('refuses CUDA where the library has no provider for it', () => {
    const device = { kind: 'cuda', index: 0 } as const;
    expect(() => new Session(runtime, graphPath, { device, threads: 1 })).toThrow(
      /^device is "cuda:0", but .* cannot use it: libonnxruntime_providers_shared.so is not beside it/,
    );
  });

  it('passes on what a run lacks', () => {
    const binding = new Binding(session);
    expect(() => binding.run()).toThrow(/^ONNX Runtime: /);
    binding.release();
  });

  it('views part of a tensor in another shape', () => {
    const tensor = memory.allocate('float32', [4, 3]);
    const values = new Float32Array(tensor.hostBuffer());
    values.set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const view = tensor.view(3 * 4, [2, 3]);
    expect(view.byteLength).toBe(24);
    expect([...new Float32Array(view.hostBuffer())]).toEqual([3, 4, 5, 6, 7, 8]);
    view.release();
    tensor.release();
  });

  it('refuses a view that leaves its tensor', () => {
    const tensor = memory.allocate('int64', [4]);
    expect(() => tensor.view(8, [4])).toThrow(
      'A view of bytes 8 to 40 leaves a tensor of 32 bytes.',
    );
    expect(() => tensor.view(-8, [1])).toThrow(RangeError);
    tensor.release();
  });

  it('refuses to use what was released, and releases once', () => {
    const tensor = memory.allocate('float32', [1]);
    tensor.release();
    tensor.release();
    expect(() => tensor.pointer).toThrow('This ONNX Runtime handle has been released.');
  });
});
