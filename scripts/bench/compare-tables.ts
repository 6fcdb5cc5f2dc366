// What the rounds say, as rows of the report's tables.
import {
  decodedPerSecond,
  type Entry,
  type Timing,
  tokensPerSecond,
  type Workload,
} from './contestant.ts';
import type { PeerEntry, Precision } from './contestants.ts';
import type { Timings } from './rounds.ts';
import { median, medianRatio } from './statistics.ts';

const notInstalled = 'not installed';

/** This project's engine over each peer, and its server over its engine. */
export function ratioRows(
  timings: Timings,
  workloads: readonly Workload[],
  peers: readonly PeerEntry[],
  precisions: readonly Precision[],
): string[][] {
  const pairs = peers.flatMap(({ name, against }) =>
    precisions
      .filter((precision) => against.includes(precision))
      .map((precision) => [`this engine, ${precision}`, name] as const),
  );
  const servers = precisions.map(
    (precision) => [`this server, ${precision}`, `this engine, ${precision}`] as const,
  );
  return [...pairs, ...servers.slice(0, 1)].map(([left, right]) => [
    `${left} : ${right}`,
    ...workloads.map((workload, index) =>
      ratioCell(timings.get(left)?.[index], timings.get(right)?.[index], workload),
    ),
  ]);
}

function ratioCell(
  left: readonly Timing[] | undefined,
  right: readonly Timing[] | undefined,
  workload: Workload,
): string {
  if (!left || !right) return notInstalled;
  const ratio = (speed: (timing: Timing) => number): string =>
    medianRatio(left.map(speed), right.map(speed)).toFixed(2);
  return `${ratio(tokensPerSecond)} × (${ratio((timing) => decodedPerSecond(timing, workload))} ×)`;
}

export function speedRows(
  timings: Timings,
  workloads: readonly Workload[],
  entries: readonly Entry[],
): string[][] {
  return entries.map(({ name }) => [
    name,
    ...workloads.map((workload, index) => speedCell(timings.get(name)?.[index], workload)),
  ]);
}

function speedCell(rounds: readonly Timing[] | undefined, workload: Workload): string {
  if (!rounds) return notInstalled;
  const decoding = median(rounds.map((timing) => decodedPerSecond(timing, workload)));
  return `${median(rounds.map(tokensPerSecond)).toFixed(1)} (${decoding.toFixed(1)})`;
}
