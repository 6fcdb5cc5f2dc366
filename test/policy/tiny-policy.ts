// The tiny policy, loaded by the real ONNX Runtime, and rows to run on it.
import { fileURLToPath } from 'node:url';
import { loadPolicy, type PolicySettings } from '../../src/policy/load-policy.ts';
import type { StepWeights } from '../../src/policy/parameters.ts';
import type { Policy, PolicyRow } from '../../src/policy/policy.ts';

export const tinyPolicyFolder = fileURLToPath(new URL('../fixtures/tiny-policy', import.meta.url));

export const tinySettings: PolicySettings = {
  modelFolder: tinyPolicyFolder,
  device: 'cpu',
  libraryPath: null,
  threads: 1,
  maxLength: null,
  capacity: { sequences: 4, tokens: 128, scored: 64 },
};

export function loadTinyPolicy(settings: Partial<PolicySettings> = {}): Policy {
  return loadPolicy({ ...tinySettings, ...settings });
}

export const paperWeights: StepWeights = { beta: 4, behaviorWeight: 1, ratio: 0 };

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
    weights,
    needsValue: weights.beta !== 0 || weights.behaviorWeight !== 1,
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: [0, 0], choice: 0 },
  };
}

/** The scores of a whole prompt's last token, from one run in an empty slot. */
export function scoresAfter(policy: Policy, tokens: readonly number[], slot = 0): Float32Array {
  const rows = [policyRow(tokens)];
  const { scores } = policy.step({ firstSlot: slot, rows, width: tokens.length, scoring: 'last' });
  return rowAt(scores.scores, 0);
}

/** A copy: the row itself is overwritten by the next run. */
export function rowAt(rows: readonly Float32Array[], index: number): Float32Array {
  const row = rows[index];
  if (!row) throw new Error(`no row ${index}`);
  return Float32Array.from(row);
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? NaN))), 0);
}
