// From a folder to a policy ready to step. Refuses, in one sentence, whatever could not be served.
import { attendInOnePiece } from '../onnx/attention.ts';
import { type Device, deviceName, parseDevice } from '../onnx/device.ts';
import { Runtime } from '../onnx/runtime.ts';
import { type LaunchSideThread, SideThread } from '../onnx/side-thread.ts';
import { Memory } from '../onnx/tensor.ts';
import { BlockTables } from './block-tables.ts';
import { Combination } from './combination.ts';
import { DeviceScores } from './device-scores.ts';
import { combinationRuns } from './graph-contract.ts';
import type { HostInputs } from './host-inputs.ts';
import { HostScores } from './host-scores.ts';
import { KvCache } from './kv-cache.ts';
import type { PolicyManifest } from './manifest.ts';
import { ModelPair } from './model-pair.ts';
import { openGraphs, type PolicyGraphs } from './open-graphs.ts';
import { Policy } from './policy.ts';
import { readManifest, verifyFiles } from './policy-files.ts';
import { Sampler } from './sample.ts';
import { servedLength } from './served-length.ts';
import { SlotLengths } from './slot-lengths.ts';
import { StepGraph, type StepParts } from './step-graph.ts';
import { type RowLengths, type StepCapacity, StepInputs } from './step-inputs.ts';
import { StepOutputs } from './step-outputs.ts';

/** Attention in one piece keeps a weight for each token of a run and each before it: 8 MiB a head at the most. */
const mostAttentionWeights = 2 ** 21;

export interface PolicySettings {
  readonly modelFolder: string;
  /** `cpu`, `cuda` or `cuda:N`. */
  readonly device: string;
  /** Null takes the library onnxruntime-node ships. */
  readonly libraryPath: string | null;
  /** Of both models together; 0: as many as there are cores. */
  readonly threads: number;
  /** Tokens a slot holds; null takes the manifest's. */
  readonly maxLength: number | null;
  readonly capacity: StepCapacity;
  /** Of a paged cache; left out: as many as hold `capacity.sequences` of the greatest length. */
  readonly blocks?: number;
  /** Left out: scores on the host are read where they are, scores on a device by graphs there. Tests have both on the host. */
  readonly readsScoresInPlace?: boolean;
  /** Tests give the thread's built file. */
  readonly launchSideThread?: LaunchSideThread;
}

type Own = <T extends { release(): void }>(owner: T) => T;

export function loadPolicy(settings: PolicySettings): Policy {
  const { modelFolder, capacity } = settings;
  const device = parseDevice(settings.device);
  const manifest = readManifest(modelFolder);
  const maxLength = servedLength(settings.maxLength, manifest);
  checkDevice(device, manifest);
  verifyFiles(modelFolder, manifest);

  // Released in the opposite order: views before memory, memory before the session, the session before its environment.
  const owned: { release(): void }[] = [];
  const own: Own = (owner) => {
    owned.push(owner);
    return owner;
  };
  const release = (): void => {
    for (let owner = owned.pop(); owner; owner = owned.pop()) owner.release();
  };
  try {
    const runtime = own(new Runtime(settings.libraryPath));
    attendInOnePiece(capacity.tokens * maxLength <= mostAttentionWeights);
    const graphs = openGraphs(runtime, device, settings, manifest, own);
    const session = graphs.kind === 'step' ? graphs.step : graphs.behavior;
    const host = own(new Memory(runtime, { kind: 'cpu' }, session));
    const memory = device.kind === 'cpu' ? host : own(new Memory(runtime, device, session));
    const { slots, slotTokens, lengths } = cacheLayout(settings, manifest, maxLength);
    const cache = own(new KvCache(memory, manifest, slots, slotTokens));
    const inputs = own(new StepInputs(host, capacity, lengths));
    const runs = graphs.kind === 'pair' ? combinationRuns(manifest.vocab_size) : 0;
    const outputs = own(new StepOutputs(memory, capacity.scored, manifest.vocab_size, runs));
    const sampler = new Sampler(manifest.vocab_size);
    const scores =
      (settings.readsScoresInPlace ?? memory.isHost)
        ? new HostScores(outputs, sampler)
        : own(new DeviceScores(memory, host, outputs, sampler));
    const parts: StepParts = { cache, capacity, inputs, outputs, scores };
    const runner = own(
      graphs.kind === 'step'
        ? new StepGraph(graphs.step, parts, memory.isHost)
        : openModelPair(graphs, host, parts, lengths, settings, own),
    );
    return new Policy({
      manifest,
      cache,
      runner,
      sampler,
      maxSequences: capacity.sequences,
      maxLength,
      device: deviceName(device),
      release,
    });
  } catch (error) {
    release();
    throw error;
  }
}

function openModelPair(
  sessions: PolicyGraphs & { kind: 'pair' },
  host: Memory,
  parts: StepParts,
  lengths: (inputs: HostInputs) => RowLengths,
  { launchSideThread }: PolicySettings,
  own: Own,
): ModelPair {
  const { inputs, outputs, capacity } = parts;
  const sideThread = sessions.isParallel
    ? own(new SideThread(host.runtime, launchSideThread))
    : null;
  return new ModelPair({
    ...parts,
    sessions,
    combination: own(new Combination(sessions.combination, host, inputs, outputs)),
    sideThread,
    sideInputs: own(new StepInputs(host, capacity, lengths)),
  });
}

/** A slot for each sequence, or blocks that any takes. */
function cacheLayout(
  { capacity: { sequences }, blocks }: PolicySettings,
  { kv_cache: { block_size: blockSize } }: PolicyManifest,
  maxLength: number,
) {
  if (blockSize === undefined) {
    const lengths = (inputs: HostInputs): RowLengths => new SlotLengths(inputs, sequences);
    return { slots: sequences, slotTokens: maxLength, lengths };
  }
  const rowBlocks = Math.ceil(maxLength / blockSize);
  const lengths = (inputs: HostInputs): RowLengths => new BlockTables(inputs, sequences, rowBlocks);
  return { slots: blocks ?? sequences * rowBlocks, slotTokens: blockSize, lengths };
}

/** On CUDA attention in other types would run on the CPU, and the cache cross over at every step; the CPU has none in bfloat16. */
function checkDevice(device: Device, { id, kv_cache: { dtype } }: PolicyManifest): void {
  if (dtype === 'float16' || (device.kind === 'cuda') === (dtype === 'bfloat16')) return;
  const without = dtype === 'int8' ? ' and without --kv-cache int8' : '';
  const reason =
    device.kind === 'cpu'
      ? "the CPU's attention takes float32, float16 or int8. Use CUDA, or export it with another --precision."
      : `CUDA's attention takes float16 or bfloat16. Export it with --precision fp16 or bf16${without}.`;
  throw new Error(
    `device is "${deviceName(device)}", and the KV cache of ${id} is ${dtype}: ${reason}`,
  );
}
