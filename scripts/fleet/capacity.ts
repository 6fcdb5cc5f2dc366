// What one replica can do, from a benchmark's timings: how long a decode step takes at each batch size, and how fast a prompt is read.
import { z } from 'zod';
import { median } from '../bench/statistics.ts';

const timing = z.object({
  prefillSeconds: z.number().positive(),
  seconds: z.number().positive(),
  tokens: z.number().positive(),
});

/** `scripts/bench/results.json`, and what `gpu-check.sh` writes. */
export const resultsSchema = z.object({
  machine: z.string(),
  workloads: z.array(
    z.object({ concurrency: z.number(), promptTokens: z.number(), answerTokens: z.number() }),
  ),
  /** By contestant, then workload, then round. */
  timings: z.record(z.string(), z.array(z.array(timing))),
});

export type Results = z.infer<typeof resultsSchema>;

export interface Capacity {
  readonly prefillTokensPerSecond: number;
  /** In the order of their batch sizes; the largest is how many sequences a replica decodes at once. */
  readonly steps: readonly { readonly batch: number; readonly seconds: number }[];
}

export function capacityOf(results: Results, contestant: string): Capacity {
  const rounds = results.timings[contestant];
  if (!rounds) {
    throw new Error(
      `There is no "${contestant}" in the results: ${Object.keys(results.timings).join('; ')}.`,
    );
  }
  const levels = results.workloads.map((workload, index) => {
    const times = rounds[index] ?? [];
    const prefillSeconds = measuredMedian(times.map((time) => time.prefillSeconds));
    const decodeSeconds = measuredMedian(times.map((time) => time.seconds - time.prefillSeconds));
    return {
      batch: workload.concurrency,
      // The first token of each answer comes with its prompt.
      seconds: decodeSeconds / (workload.answerTokens - 1),
      prefillRate: (workload.concurrency * workload.promptTokens) / prefillSeconds,
    };
  });
  const ordered = levels.toSorted((one, other) => one.batch - other.batch);
  return {
    prefillTokensPerSecond: measuredMedian(ordered.map(({ prefillRate }) => prefillRate)),
    steps: ordered.map(({ batch, seconds }) => ({ batch, seconds })),
  };
}

/** Between two measured batch sizes on the line between them; below the smallest, its time. */
export function stepSeconds({ steps }: Capacity, batch: number): number {
  const above = steps.findIndex((step) => step.batch >= batch);
  const upper = steps[above === -1 ? steps.length - 1 : above];
  const lower = steps[above - 1];
  if (!upper) throw new Error('No batch size was measured.');
  if (!lower) return upper.seconds;
  const share = (batch - lower.batch) / (upper.batch - lower.batch);
  return lower.seconds + share * (upper.seconds - lower.seconds);
}

function measuredMedian(values: readonly number[]): number {
  if (values.length === 0) throw new Error('There is nothing measured.');
  return median(values);
}
