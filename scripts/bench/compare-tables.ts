// What the rounds say, as rows of the report's tables.
import { type Entry, type Timing, tokensPerSecond, type Workload } from './contestant.ts';
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
    ...workloads.map((_, index) =>
      ratioCell(timings.get(left)?.[index], timings.get(right)?.[index]),
    ),
  ]);
}

function ratioCell(
  left: readonly Timing[] | undefined,
  right: readonly Timing[] | undefined,
): string {
  if (!left || !right) return notInstalled;
  return `${medianRatio(left.map(tokensPerSecond), right.map(tokensPerSecond)).toFixed(2)} ×`;
}

export function speedRows(
  timings: Timings,
  workloads: readonly Workload[],
  entries: readonly Entry[],
): string[][] {
  return entries.map(({ name }) => [
    name,
    ...workloads.map((_, index) => speedCell(timings.get(name)?.[index])),
  ]);
}

function speedCell(rounds: readonly Timing[] | undefined): string {
  if (!rounds) return notInstalled;
  return median(rounds.map(tokensPerSecond)).toFixed(1);
}
