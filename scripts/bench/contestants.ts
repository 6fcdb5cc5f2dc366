// Who takes part: this project first, then the peers. All run the same shape (`make_model.py`).
import { join } from 'node:path';
import type { Entry, Workload } from './contestant.ts';
import { startEngineContestant } from './engine-contestant.ts';
import { startPeer } from './peer-contestant.ts';
import { startServerContestant } from './server-contestant.ts';

export type Precision = 'int4' | 'fp32';

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

export function serverEntry(sizes: Sizes): Entry {
  return {
    name: 'this server, int4',
    start: () => startServerContestant(settingsOf(sizes, 'int4')),
  };
}

export function peerEntries(models: string, python: string): PeerEntry[] {
  const peer = (
    name: string,
    against: readonly Precision[],
    script: string,
    ...args: readonly string[]
  ): PeerEntry => ({ name, against, start: () => startPeer(python, script, args) });
  const checkpoint = join(models, 'checkpoint');
  const genai = join(models, 'genai');
  return [
    peer('Transformers, fp32', ['int4', 'fp32'], 'transformers_loop.py', checkpoint, 'fp32'),
    peer('Transformers, bf16', ['int4', 'fp32'], 'transformers_loop.py', checkpoint, 'bf16'),
    peer('onnxruntime-genai, int4', ['int4'], 'genai_loop.py', join(genai, 'int4')),
    peer('onnxruntime-genai, fp32', ['fp32'], 'genai_loop.py', join(genai, 'fp32')),
    peer('llama.cpp, Q4_0', ['int4'], 'llama_cpp_loop.py', join(models, 'gguf')),
  ];
}
