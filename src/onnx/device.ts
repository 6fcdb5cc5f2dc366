// Where a session runs: `cpu`, `cuda` or `cuda:N`.
import type { Pointer } from './api.ts';
import { explainCudaFailure } from './cuda-failure.ts';
import { operatorsOnCpu, recordPlacement } from './placement.ts';
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

/** Adds the device's execution provider; the CPU's is always there, and only for itself. */
export function appendProvider(runtime: Runtime, options: Handle, device: Device): void {
  if (device.kind === 'cpu') return;
  const { api } = runtime;
  const cuda = runtime.own(api.CreateCUDAProviderOptions, api.ReleaseCUDAProviderOptions);
  try {
    // The cache is one allocation for good: growing the arena by powers of two would only waste memory.
    const keys = ['device_id', 'arena_extend_strategy'];
    const values = [String(device.index), 'kSameAsRequested'];
    runtime.check(api.UpdateCUDAProviderOptions(cuda.pointer, keys, values, keys.length));
    runtime.check(api.SessionOptionsAppendExecutionProvider_CUDA_V2(options.pointer, cuda.pointer));
  } finally {
    cuda.release();
  }
  recordPlacement(runtime, options);
}

/** Throws where ONNX Runtime would run a part of a device's graph on the CPU: it would cross to the host at every step. */
export function refuseFallback(runtime: Runtime, session: Pointer, device: Device): void {
  if (device.kind === 'cpu') return;
  const operators = operatorsOnCpu(runtime, session);
  if (operators.length === 0) return;
  throw new Error(
    `device is "${deviceName(device)}", and ${runtime.libraryPath} would run ${operators.join(', ')} of the graph on the CPU, for want of a kernel: export it again, or use a newer ONNX Runtime.`,
  );
}

/** The error with its cause in words, where it is the device's. */
export function explainDeviceError(error: unknown, runtime: Runtime, device: Device): unknown {
  if (device.kind === 'cpu' || !(error instanceof Error)) return error;
  const reason = explainCudaFailure(error.message);
  if (reason === null) return error;
  const what = `device is "${deviceName(device)}", but ${runtime.libraryPath} cannot use it`;
  return new Error(`${what}: ${reason}.`, { cause: error });
}
