// Two policies stepping through the same batches in turns: what one takes of the other's time.
import type { Policy } from '../../src/policy/policy.ts';
import type { PolicyRow } from '../../src/policy/policy-row.ts';
import type { StepBatch } from '../../src/policy/step-batch.ts';
import { table } from './markdown.ts';
import { randomPrompt } from './prompts.ts';
import { median, medianRatio } from './statistics.ts';

/** Tokens a slot must hold for the default work. */
export const longest = 1920;
export const mostRows = 32;

/** The flags of such a comparison, for parseArgs. */
export const pairFlags = {
  /** Rows × tokens before each: half as many before the first, and evenly more from row to row. */
  decode: { type: 'string', default: '1x128,1x1024,8x128,8x512,32x128,32x512' },
  /** Tokens × tokens before them. */
  prefill: { type: 'string', default: '32x0,256x0,512x0,32x960,512x512,512x1408' },
  turns: { type: 'string', default: '9' },
  threads: { type: 'string', default: '0' },
} as const;

export interface Work {
  readonly decode: string;
  readonly prefill: string;
  readonly turns: string;
}

interface Named {
  readonly name: string;
  readonly policy: Policy;
}

/** A table of medians in ms, and the second's time as a multiple of the first's. */
export function compareSteps(first: Named, second: Named, work: Work): string {
  const batches: [string, StepBatch<PolicyRow>][] = [
    ...pairs(work.decode).map(([rows = 1, past = 0]): [string, StepBatch<PolicyRow>] => [
      `decode ${rows}, up to ${past} before`,
      decode(rows, past),
    ]),
    ...pairs(work.prefill).map(([width = 2, past = 0]): [string, StepBatch<PolicyRow>] => [
      `prefill ${width}, ${past} before`,
      prefill(width, past),
    ]),
  ];
  const rows = batches.map(([name, batch]) => {
    const turns = Array.from({ length: Number(work.turns) }, () =>
      [first, second].map(({ policy }) => timeMs(policy, batch)),
    );
    const ofFirst = turns.map(([ms = Number.NaN]) => ms);
    const ofSecond = turns.map(([, ms = Number.NaN]) => ms);
    const ratio = `${medianRatio(ofSecond, ofFirst).toFixed(2)} ×`;
    return [name, median(ofFirst).toFixed(1), median(ofSecond).toFixed(1), ratio];
  });
  return table(['work', `${first.name}, ms`, `${second.name}, ms`, 'ratio'], rows);
}

function pairs(list: string): number[][] {
  return list
    .split(',')
    .filter(Boolean)
    .map((pair) => pair.split('x').map(Number));
}

function row(past: number, width: number, beta = 1): PolicyRow {
  const tokens = Int32Array.from(randomPrompt(past + width));
  return {
    ...{ tokens, length: tokens.length, past, drawn: 0, edits: null, mask: null },
    ...{ weights: { beta, behaviorWeight: 1, ratio: 0 }, needsValue: beta !== 0, blocks: [] },
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: [1, 0], choice: 0 },
  };
}

/** Rows of half as many tokens before them to `past`. */
export function decode(rows: number, past: number, beta = 1): StepBatch<PolicyRow> {
  const pastOf = (index: number) => Math.round((past / 2) * (1 + index / Math.max(1, rows - 1)));
  return {
    ...{ firstSlot: 0, width: 1, scoring: 'last' },
    rows: Array.from({ length: rows }, (_, index) =>
      row(rows === 1 ? past : pastOf(index), 1, beta),
    ),
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
