// Two graphs side by side against one graph for both: the same bits, on whatever threads.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stepWeights } from '../../src/policy/parameters.ts';
import type { Policy } from '../../src/policy/policy.ts';
import type { PolicyRow } from '../../src/policy/policy-row.ts';
import {
  int8CacheFolder,
  loadTinyPolicy,
  policyRow,
  ratingsAt,
  tinyPolicyFolder,
} from './tiny-policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'one-graph-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The same policy, run by `step.onnx`. */
function inOneGraph(modelFolder: string): Policy {
  cpSync(modelFolder, folder, { recursive: true });
  const path = join(folder, 'policy.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  delete manifest.files['combination.onnx'];
  writeFileSync(path, JSON.stringify(manifest));
  return loadTinyPolicy({ modelFolder: folder });
}

const prompts = [
  [4, 10, 11, 12],
  [4, 31, 8, 9],
  [5, 6, 7, 8],
];
const policies = [
  { extraction: 'kl', beta: 4, q: 'probability' },
  { extraction: 'entropy', beta: 8, q: 'ratio' },
  { extraction: 'behavior', beta: 0, q: 'probability' },
] as const;

/** A prefill of each prompt, then a decode of all: what the decode says of every token. */
function ratings(policy: Policy, rows: readonly PolicyRow[]): Float32Array[] {
  for (const [slot, row] of rows.entries()) {
    const alone = { ...row, length: 3 };
    policy.step({ firstSlot: slot, rows: [alone], width: 3, scoring: 'last' });
  }
  const decoding = rows.map((row) => ({ ...row, past: 3 }));
  const { scores } = policy.step({ firstSlot: 0, rows: decoding, width: 1, scoring: 'last' });
  return rows.flatMap((_, position) =>
    (['score', 'behaviorLogprob', 'valueProb'] as const).map((name) =>
      ratingsAt(scores, position, name),
    ),
  );
}

describe.each([
  ['tiny', tinyPolicyFolder],
  ['tiny int8-cached', int8CacheFolder],
])('the models of the %s policy side by side', (_, modelFolder) => {
  const step = inOneGraph(modelFolder);
  const onOneThread = loadTinyPolicy({ modelFolder });
  const onTwo = loadTinyPolicy({ modelFolder, threads: 2 });
  afterAll(() => {
    for (const policy of [step, onOneThread, onTwo]) policy.release();
  });

  it.each([
    ['mixed policies', policies],
    ['β = 0 alone, without the value model', [policies[2], policies[2], policies[2]]],
    ['one row of β = 0', [policies[2]]],
  ])('say of %s what one graph says, to the bit', (_mix, mix) => {
    const rows = mix.map((parameters, index) => ({
      ...policyRow(prompts[index] ?? [], 0, stepWeights(parameters, 0, 1)),
      needsValue: parameters.beta !== 0,
    }));
    const expected = ratings(step, rows);
    expect(ratings(onOneThread, rows)).toEqual(expected);
    expect(ratings(onTwo, rows)).toEqual(expected);
  });

  it('fail as one where a token is outside the vocabulary, and go on', () => {
    const broken = policyRow([4, 1_000_000]);
    const run = () => onTwo.step({ firstSlot: 0, rows: [broken], width: 2, scoring: 'last' });
    expect(run).toThrow(/^ONNX Runtime: /);
    const rows = [policyRow(prompts[0] ?? [])];
    expect(ratings(onTwo, rows)).toEqual(ratings(step, rows));
  });
});
