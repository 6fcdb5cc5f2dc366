// Who takes part: this project first, then the peers. All run the same shape (`make_model.py`).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry, Workload } from './contestant.ts';
import { startEngineContestant } from './engine-contestant.ts';
import { startPeer } from './peer-contestant.ts';
import { startServerContestant } from './server-contestant.ts';

/** Folders of this project's policies, as `make_model.py` names them. */
const precisions = ['int8', 'int4', 'fp32'] as const;
export type Precision = (typeof precisions)[number];

export function madePrecisions(models: string): Precision[] {
  return precisions.filter((precision) => existsSync(join(models, precision, 'policy.json')));
}

export interface PeerEntry extends Entry {
  /** Which of our engines it is compared with. */
  readonly against: readonly Precision[];
}

interface Sizes {
  readonly models: string;
  readonly maxSequences: number;
  readonly workload: Pick<Workload, 'promptTokens' | 'answerTokens'>;
}

function settingsOf({ models, maxSequences, workload }: Sizes, precision: Precision) {
  const maxLength = workload.promptTokens + workload.answerTokens;
  return { folder: join(models, precision), maxSequences, maxLength, temperature: 1 };
}

export function engineEntry(sizes: Sizes, precision: Precision): Entry {
  return {
    name: `this engine, ${precision}`,
    start: () => startEngineContestant(settingsOf(sizes, precision)),
  };
}

export function serverEntry(sizes: Sizes, precision: Precision): Entry {
  return {
    name: `this server, ${precision}`,
    start: () => startServerContestant(settingsOf(sizes, precision)),
  };
}

export function peerEntries(models: string, python: string): PeerEntry[] {
  const peer = (
    name: string,
    against: readonly Precision[],
    script: string,
    ...args: readonly string[]
  ): PeerEntry => ({ name, against, start: () => startPeer(python, script, args) });
  const quantized = ['int8', 'int4'] as const;
  const checkpoint = join(models, 'checkpoint');
  const genai = join(models, 'genai');
  return [
    peer('Transformers, fp32', precisions, 'transformers_loop.py', checkpoint, 'fp32'),
    peer('Transformers, bf16', precisions, 'transformers_loop.py', checkpoint, 'bf16'),
    peer('onnxruntime-genai, int4', quantized, 'genai_loop.py', join(genai, 'int4')),
    peer('onnxruntime-genai, fp32', ['fp32'], 'genai_loop.py', join(genai, 'fp32')),
    peer('llama.cpp, Q4_0', quantized, 'llama_cpp_loop.py', join(models, 'gguf')),
  ];
}
