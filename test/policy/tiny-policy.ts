// The tiny policy, loaded by the real ONNX Runtime, and rows to run on it.
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { launchSideThread } from '../../src/onnx/side-thread.ts';
import type { SideThreadData } from '../../src/onnx/side-thread-messages.ts';
import { loadPolicy, type PolicySettings } from '../../src/policy/load-policy.ts';
import type { StepWeights } from '../../src/policy/parameters.ts';
import type { Policy } from '../../src/policy/policy.ts';
import type { PolicyRow } from '../../src/policy/policy-row.ts';
import type { StepScores, TokenRating } from '../../src/policy/step-scores.ts';

export const tinyPolicyFolder = fileURLToPath(new URL('../fixtures/tiny-policy', import.meta.url));

/** The same weights in float16 and a paged cache, with attention in operators that the CPU has. */
export const pagedPolicyFolder = fileURLToPath(
  new URL('../fixtures/paged-policy', import.meta.url),
);

/** The same models, their cache in 8 bits. */
export const int8CacheFolder = fileURLToPath(
  new URL('../fixtures/tiny-int8-cache', import.meta.url),
);

const sideThreadFile = new URL('../../dist/onnx/side-thread-worker.js', import.meta.url);

export const tinySettings: PolicySettings = {
  modelFolder: tinyPolicyFolder,
  device: 'cpu',
  libraryPath: null,
  threads: 1,
  maxLength: null,
  capacity: { sequences: 4, tokens: 128, scored: 64 },
  launchSideThread: launchBuiltSideThread,
};

/** Node runs workers from built files alone. */
export function launchBuiltSideThread(data: SideThreadData): Worker {
  return launchSideThread(data, sideThreadFile);
}

export function loadTinyPolicy(settings: Partial<PolicySettings> = {}): Policy {
  return loadPolicy({ ...tinySettings, ...settings });
}

const paperWeights: StepWeights = { beta: 4, behaviorWeight: 1, ratio: 0 };

export function policyRow(
  tokens: readonly number[],
  past = 0,
  weights: StepWeights = paperWeights,
): PolicyRow {
  return {
    tokens: Int32Array.from(tokens),
    length: tokens.length,
    past,
    drawn: 0,
    edits: null,
    mask: null,
    blocks: [],
    weights,
    needsValue: weights.beta !== 0 || weights.behaviorWeight !== 1,
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: [0, 0], choice: 0 },
  };
}

/** The scores of a whole prompt's last token, from one run in an empty slot. */
export function scoresAfter(policy: Policy, tokens: readonly number[], slot = 0): Float32Array {
  const rows = [policyRow(tokens)];
  const { scores } = policy.step({ firstSlot: slot, rows, width: tokens.length, scoring: 'last' });
  return scoresAt(scores, 0);
}

const tinyVocabulary = 58;

/** A copy: the next run overwrites what is there. */
export function scoresAt(scores: StepScores, position: number): Float32Array {
  const row = new Float32Array(tinyVocabulary);
  scores.copyScores(position, row);
  return row;
}

/** What a position says of every token. */
export function ratingsAt(
  scores: StepScores,
  position: number,
  name: keyof TokenRating,
): Float32Array {
  return Float32Array.from({ length: tinyVocabulary }, (_, id) => scores.rate(position, id)[name]);
}

/** Both ways in which a step's scores are read: as on the host, and as on a device, but run by the CPU. */
export const waysToRead = [
  ['where they are', { readsScoresInPlace: true }],
  ['by a graph, as on a device', { readsScoresInPlace: false }],
] as const;

export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? NaN))), 0);
}
