// The graphs of a policy's folder, opened for a device: models and combination apart where the folder has them so and the
// device is a CPU, whose threads they share; else all in one.
import { join } from 'node:path';
import { type Device, deviceName } from '../onnx/device.ts';
import type { Runtime } from '../onnx/runtime.ts';
import { Session } from '../onnx/session.ts';
import { coreCount } from './core-count.ts';
import { checkCombinationGraph, checkModelGraph, checkStepGraph } from './graph-contract.ts';
import type { PolicyManifest } from './manifest.ts';

export type PolicyGraphs =
  | { readonly kind: 'step'; readonly step: Session }
  | {
      readonly kind: 'pair';
      readonly behavior: Session;
      readonly value: Session;
      readonly combination: Session;
      /** Whether there are threads for both models at once. */
      readonly isParallel: boolean;
    };

export interface OpenGraphsSettings {
  readonly modelFolder: string;
  /** Of both models together; 0: as many as the machine has cores. */
  readonly threads: number;
}

/** `own` has each session as soon as it is open, and releases it. */
export function openGraphs(
  runtime: Runtime,
  device: Device,
  { modelFolder, threads }: OpenGraphsSettings,
  manifest: PolicyManifest,
  own: (session: Session) => Session,
): PolicyGraphs {
  const open = (file: string, sessionThreads: number): Session =>
    own(new Session(runtime, join(modelFolder, file), { device, threads: sessionThreads }));
  if (!runsApart(device, manifest)) {
    const step = openStep(runtime, device, manifest, () => open('step.onnx', threads));
    checkStepGraph(step, manifest);
    return { kind: 'step', step };
  }
  const all = threads === 0 ? coreCount() : threads;
  const behavior = open('behavior.onnx', Math.ceil(all / 2));
  checkModelGraph(behavior, 'behavior', manifest);
  const value = open('value.onnx', Math.max(1, Math.floor(all / 2)));
  checkModelGraph(value, 'value', manifest);
  const combination = open('combination.onnx', 1);
  checkCombinationGraph(combination, manifest);
  return { kind: 'pair', behavior, value, combination, isParallel: all > 1 };
}

/** The graphs that a policy is run by on a device, as its folder names them. */
export function graphFiles(device: Device, manifest: PolicyManifest): string[] {
  return runsApart(device, manifest)
    ? ['behavior.onnx', 'value.onnx', 'combination.onnx']
    : ['step.onnx'];
}

/** Twins and paged caches have both models in one run, and so no combination of their own. */
function runsApart({ kind }: Device, { files }: PolicyManifest): boolean {
  return kind === 'cpu' && 'combination.onnx' in files;
}

function openStep(
  runtime: Runtime,
  device: Device,
  { id, kv_cache: { block_size: blockSize } }: PolicyManifest,
  open: () => Session,
): Session {
  try {
    return open();
  } catch (error) {
    const isMissing = error instanceof Error && error.message.includes('PagedAttention');
    if (blockSize === undefined || !isMissing) throw error;
    throw new Error(
      `${id} has a paged KV cache, which ${runtime.libraryPath} has no attention for on "${deviceName(device)}": use CUDA, or export it without --paged.`,
      { cause: error },
    );
  }
}
