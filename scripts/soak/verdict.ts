// When resident memory counts as flat.
import { median } from '../bench/statistics.ts';

export interface Sample {
  readonly minute: number;
  readonly residentMib: number;
  /** Answered since the start. */
  readonly requests: number;
}

export interface Verdict {
  /** From the second quarter of the run to its last; the first quarter warms up. */
  readonly grownMib: number;
  readonly grownBytesPerRequest: number;
  readonly isFlat: boolean;
}

export function judge(samples: readonly Sample[], allowedMib: number): Verdict {
  const quarter = Math.floor(samples.length / 4);
  const early = samples.slice(quarter, 2 * quarter);
  const late = samples.slice(samples.length - quarter);
  const difference = (of: (sample: Sample) => number): number =>
    median(late.map(of)) - median(early.map(of));
  const grownMib = difference(({ residentMib }) => residentMib);
  return {
    grownMib,
    grownBytesPerRequest: (grownMib * 2 ** 20) / difference(({ requests }) => requests),
    isFlat: grownMib <= allowedMib,
  };
}
