import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { usableCpus } from '../../src/onnx/affinity.ts';
import { Binding } from '../../src/onnx/binding.ts';
import { identityGraph } from '../../src/onnx/identity-graph.ts';
import { Runtime } from '../../src/onnx/runtime.ts';
import { Session } from '../../src/onnx/session.ts';
import { SideThread } from '../../src/onnx/side-thread.ts';
import { Memory, type Tensor } from '../../src/onnx/tensor.ts';
import { launchBuiltSideThread } from '../policy/tiny-policy.ts';

const device = { kind: 'cpu' } as const;

describe('SideThread', () => {
  const runtime = new Runtime(null);
  const session = new Session(runtime, identityGraph(['float32']), { device, threads: 1 });
  const memory = new Memory(runtime, device, session);
  const tensors: Tensor[] = [];
  const bindings: Binding[] = [];
  let sideThread: SideThread;
  beforeAll(() => {
    sideThread = new SideThread(runtime, launchBuiltSideThread);
  });
  afterEach(() => {
    for (const binding of bindings.splice(0)) binding.release();
    for (const tensor of tensors.splice(0)) tensor.release();
  });
  afterAll(() => {
    sideThread.release();
    memory.release();
    session.release();
    runtime.release();
  });

  /** A run that copies `value` into what it returns. */
  function copyOf(value: number): { binding: Binding; copied: Float32Array } {
    const [from, to] = [memory.allocate('float32', [1]), memory.allocate('float32', [1])];
    const binding = new Binding(session);
    const [input, output] = [session.inputs[0]?.name ?? '', session.outputs[0]?.name ?? ''];
    binding.bindInput(input, from);
    binding.bindOutput(output, to);
    new Float32Array(from.hostBuffer())[0] = value;
    const copied = new Float32Array(to.hostBuffer());
    copied[0] = 0;
    tensors.push(from, to);
    bindings.push(binding);
    return { binding, copied };
  }

  function emptyBinding(): Binding {
    const binding = new Binding(session);
    bindings.push(binding);
    return binding;
  }

  it('has run everything when it returns, here and on the thread', () => {
    const [first, second, here] = [copyOf(1), copyOf(2), copyOf(3)];
    sideThread.run([first.binding, second.binding], () => here.binding.run());
    expect([first.copied[0], second.copied[0], here.copied[0]]).toEqual([1, 2, 3]);
  });

  it('runs again and again', () => {
    const { binding, copied } = copyOf(5);
    for (let turn = 0; turn < 1000; turn++) {
      copied[0] = 0;
      sideThread.run([binding], () => {});
      expect(copied[0]).toBe(5);
    }
  });

  it('goes by the state and not by who wakes it', async () => {
    let shared = new SharedArrayBuffer(4);
    const other = new SideThread(runtime, (data) => {
      shared = data.state;
      return launchBuiltSideThread(data);
    });
    const wake = `const state = new Int32Array(require('node:worker_threads').workerData);
      for (;;) Atomics.notify(state, 0);`;
    const waker = new Worker(wake, { eval: true, workerData: shared });
    await new Promise((resolve) => waker.once('online', resolve));
    const { binding, copied } = copyOf(3);
    for (let turn = 0; turn < 3000; turn++) {
      copied[0] = 0;
      other.run([binding], () => {});
      expect(copied[0]).toBe(3);
    }
    await waker.terminate();
    other.release();
  });

  it('passes on what a run on the thread lacks, and goes on', () => {
    expect(() => sideThread.run([emptyBinding()], () => {})).toThrow(/^ONNX Runtime: /);
    const { binding, copied } = copyOf(7);
    sideThread.run([binding], () => {});
    expect(copied[0]).toBe(7);
  });

  it('lets the thread end before it passes on what failed here', () => {
    const { binding, copied } = copyOf(9);
    const fail = (): void => {
      throw new Error('here');
    };
    expect(() => sideThread.run([binding], fail)).toThrow('here');
    expect(copied[0]).toBe(9);
  });

  it('leaves half of the CPUs to the thread, and takes them back in the end', () => {
    const other = new SideThread(runtime, launchBuiltSideThread);
    const kept = usableCpus();
    other.release();
    expect(kept).toHaveLength(Math.ceil(usableCpus().length / 2));
  });

  it('says that the thread did not come up', () => {
    const launch = () => new Worker('throw new Error()', { eval: true }).on('error', () => {});
    const dead = () =>
      new SideThread(runtime, ({ state }) => {
        // As the thread does where it cannot load the library.
        Atomics.store(new Int32Array(state), 0, 4);
        return launch();
      });
    expect(dead).toThrow('The thread that runs the value model has failed.');
  });
});
