// Attention in tiles against attention in one piece, a step of each in turns:
// npx tsx scripts/bench/attention.ts --folder scripts/out/bench/int8
import { parseArgs } from 'node:util';
import { loadPolicy } from '../../src/policy/load-policy.ts';
import type { Policy } from '../../src/policy/policy.ts';
import type { PolicyRow } from '../../src/policy/policy-row.ts';
import type { StepBatch } from '../../src/policy/step-batch.ts';
import { table } from './markdown.ts';
import { randomPrompt } from './prompts.ts';
import { median, medianRatio } from './statistics.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: 'scripts/out/bench/int8' },
    /** Rows × tokens before each: half as many before the first, and evenly more from row to row. */
    decode: { type: 'string', default: '1x128,1x1024,8x128,8x512,32x128,32x512' },
    /** Tokens × tokens before them. */
    prefill: { type: 'string', default: '32x0,256x0,512x0,32x960,512x512,512x1408' },
    turns: { type: 'string', default: '9' },
    threads: { type: 'string', default: '0' },
  },
});

const longest = 1920;
const turns = Number(flags.turns);
const pairs = (list: string) => list.split(',').map((pair) => pair.split('x').map(Number));

/** A policy that may run so many tokens at once that attention in one piece would take too much memory takes tiles. */
function load(inOnePiece: boolean): Policy {
  return loadPolicy({
    ...{ modelFolder: flags.folder, device: 'cpu', libraryPath: null },
    threads: Number(flags.threads),
    maxLength: longest,
    capacity: { sequences: 32, tokens: inOnePiece ? 512 : 2 ** 16, scored: 32 },
  });
}

function row(past: number, width: number): PolicyRow {
  const tokens = Int32Array.from(randomPrompt(past + width));
  return {
    ...{ tokens, length: tokens.length, past, drawn: 0, edits: null, mask: null },
    ...{ weights: { beta: 1, behaviorWeight: 1, ratio: 0 }, needsValue: true, blocks: [] },
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: [1, 0], choice: 0 },
  };
}

function decode(rows: number, past: number): StepBatch<PolicyRow> {
  const pastOf = (index: number) => Math.round((past / 2) * (1 + index / Math.max(1, rows - 1)));
  return {
    ...{ firstSlot: 0, width: 1, scoring: 'last' },
    rows: Array.from({ length: rows }, (_, index) => row(rows === 1 ? past : pastOf(index), 1)),
  };
}

function prefill(width: number, past: number): StepBatch<PolicyRow> {
  return { firstSlot: 0, rows: [row(past, width)], width, scoring: 'last' };
}

function timeMs(policy: Policy, batch: StepBatch<PolicyRow>): number {
  // The threads of the session before may still be spinning in its first run.
  policy.step(batch);
  const startMs = performance.now();
  policy.step(batch);
  return performance.now() - startMs;
}

const policies = [load(false), load(true)] as const;
const works: [string, StepBatch<PolicyRow>][] = [
  ...pairs(flags.decode).map(([rows = 1, past = 0]): [string, StepBatch<PolicyRow>] => [
    `decode ${rows}, up to ${past} before`,
    decode(rows, past),
  ]),
  ...pairs(flags.prefill).map(([width = 2, past = 0]): [string, StepBatch<PolicyRow>] => [
    `prefill ${width}, ${past} before`,
    prefill(width, past),
  ]),
];
const rows = works.map(([name, batch]) => {
  const times = Array.from({ length: turns }, () =>
    policies.map((policy) => timeMs(policy, batch)),
  );
  const [tiles = [], whole = []] = policies.map((_, index) =>
    times.map((turn) => turn[index] ?? Number.NaN),
  );
  const ratio = `${medianRatio(whole, tiles).toFixed(2)} ×`;
  return [name, median(tiles).toFixed(1), median(whole).toFixed(1), ratio];
});
for (const policy of policies) policy.release();
console.log(table(['work', 'in tiles, ms', 'in one piece, ms', 'ratio'], rows));
