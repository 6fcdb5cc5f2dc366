// From a folder to a policy ready to step. Refuses, in one sentence, whatever could not be served.
import { join } from 'node:path';
import { attendInOnePiece } from '../onnx/attention.ts';
import { type Device, deviceName, parseDevice } from '../onnx/device.ts';
import { Runtime } from '../onnx/runtime.ts';
import { Session } from '../onnx/session.ts';
import { Memory } from '../onnx/tensor.ts';
import { DeviceScores } from './device-scores.ts';
import { checkGraph } from './graph-contract.ts';
import { HostScores } from './host-scores.ts';
import { KvCache } from './kv-cache.ts';
import type { PolicyManifest } from './manifest.ts';
import { Policy } from './policy.ts';
import { readManifest, verifyFiles } from './policy-files.ts';
import { Sampler } from './sample.ts';
import { StepGraph } from './step-graph.ts';
import { type StepCapacity, StepInputs } from './step-inputs.ts';
import { StepOutputs } from './step-outputs.ts';

/** Attention in one piece keeps a weight for each token of a run and each before it: 8 MiB a head at the most. */
const mostAttentionWeights = 2 ** 21;

export interface PolicySettings {
  readonly modelFolder: string;
  /** `cpu`, `cuda` or `cuda:N`. */
  readonly device: string;
  /** Null takes the library onnxruntime-node ships. */
  readonly libraryPath: string | null;
  readonly threads: number;
  /** Tokens a slot holds; null takes the manifest's. */
  readonly maxLength: number | null;
  readonly capacity: StepCapacity;
  /** Left out: scores on the host are read where they are, scores on a device by graphs there. Tests have both on the host. */
  readonly readsScoresInPlace?: boolean;
}

export function loadPolicy(settings: PolicySettings): Policy {
  const { modelFolder, capacity } = settings;
  const device = parseDevice(settings.device);
  const manifest = readManifest(modelFolder);
  const maxLength = checkLength(settings.maxLength, manifest);
  checkDevice(device, manifest);
  verifyFiles(modelFolder, manifest);

  // Released in the opposite order: views before memory, memory before the session, the session before its environment.
  const owned: { release(): void }[] = [];
  const own = <T extends { release(): void }>(owner: T): T => {
    owned.push(owner);
    return owner;
  };
  const release = (): void => {
    for (let owner = owned.pop(); owner; owner = owned.pop()) owner.release();
  };
  try {
    const runtime = own(new Runtime(settings.libraryPath));
    const path = join(modelFolder, 'step.onnx');
    attendInOnePiece(capacity.tokens * maxLength <= mostAttentionWeights);
    const session = own(new Session(runtime, path, { device, threads: settings.threads }));
    checkGraph(session, manifest);
    const host = own(new Memory(runtime, { kind: 'cpu' }, session));
    const memory = device.kind === 'cpu' ? host : own(new Memory(runtime, device, session));
    const cache = own(new KvCache(memory, manifest, capacity.sequences, maxLength));
    const inputs = own(new StepInputs(host, capacity));
    const outputs = own(new StepOutputs(memory, capacity.scored, manifest.vocab_size));
    const sampler = new Sampler(manifest.vocab_size);
    const scores =
      (settings.readsScoresInPlace ?? memory.isHost)
        ? new HostScores(outputs, sampler)
        : own(new DeviceScores(memory, host, outputs, sampler));
    const readsInputsInPlace = memory.isHost;
    const graph = own(
      new StepGraph({ session, cache, capacity, inputs, readsInputsInPlace, outputs, scores }),
    );
    return new Policy({
      manifest,
      cache,
      graph,
      sampler,
      maxSequences: capacity.sequences,
      device: deviceName(device),
      release,
    });
  } catch (error) {
    release();
    throw error;
  }
}

/** Attention on CUDA takes 16 bits only: with more it would run on the CPU, and the cache cross over at every step. */
function checkDevice(device: Device, { id, kv_cache: { dtype } }: PolicyManifest): void {
  if (device.kind === 'cuda' && dtype === 'float32') {
    throw new Error(
      `device is "${deviceName(device)}", and the KV cache of ${id} is float32: CUDA's attention takes float16 or bfloat16. Export it with --precision fp16.`,
    );
  }
}

function checkLength(maxLength: number | null, manifest: PolicyManifest): number {
  if (maxLength === null) return manifest.max_length;
  if (maxLength > manifest.max_length) {
    throw new Error(
      `maxLength is ${maxLength}, and ${manifest.id} was built for at most ${manifest.max_length} tokens.`,
    );
  }
  return maxLength;
}
