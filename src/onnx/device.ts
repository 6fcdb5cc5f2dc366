// Where a session runs: `cpu`, `cuda` or `cuda:N`.
import type { Handle, Runtime } from './runtime.ts';

export type Device = { readonly kind: 'cpu' } | { readonly kind: 'cuda'; readonly index: number };

export function parseDevice(text: string): Device {
  if (text === 'cpu') return { kind: 'cpu' };
  const match = /^cuda(?::(\d{1,3}))?$/.exec(text);
  if (!match) throw new Error(`device is "${text}": it must be cpu, cuda or cuda:N.`);
  return { kind: 'cuda', index: Number(match[1] ?? 0) };
}

export function deviceName(device: Device): string {
  return device.kind === 'cpu' ? 'cpu' : `cuda:${device.index}`;
}

/** Adds the device's execution provider; the CPU's is always there. */
export function appendProvider(runtime: Runtime, options: Handle, device: Device): void {
  if (device.kind === 'cpu') return;
  const { api } = runtime;
  try {
    const cuda = runtime.own(api.CreateCUDAProviderOptions, api.ReleaseCUDAProviderOptions);
    try {
      // The cache is one allocation for good: growing the arena by powers of two would only waste memory.
      const keys = ['device_id', 'arena_extend_strategy'];
      const values = [String(device.index), 'kSameAsRequested'];
      runtime.check(api.UpdateCUDAProviderOptions(cuda.pointer, keys, values, keys.length));
      runtime.check(
        api.SessionOptionsAppendExecutionProvider_CUDA_V2(options.pointer, cuda.pointer),
      );
    } finally {
      cuda.release();
    }
  } catch (cause) {
    throw new Error(
      `device is "${deviceName(device)}", but ${runtime.libraryPath} cannot use CUDA; give the path of an ONNX Runtime built with it. ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    );
  }
}
