// Rounds in which everyone has one turn after the other: what slows the machine for a while slows them all.
import type { Contestant, Entry, Timing, Workload } from './contestant.ts';

/** By name, then by workload, the timing of every round; no entry for who is not installed. */
export type Timings = ReadonlyMap<string, readonly (readonly Timing[])[]>;

export async function runRounds(
  entries: readonly Entry[],
  workloads: readonly Workload[],
  rounds: number,
): Promise<Timings> {
  const contestants = new Map<string, Contestant>();
  try {
    for (const { name, start } of entries) {
      const contestant = await start();
      if (contestant) contestants.set(name, contestant);
      console.error(`${name}: ${contestant ? 'ready' : 'not installed'}`);
    }
    return await measureAll(contestants, workloads, rounds);
  } finally {
    for (const contestant of contestants.values()) await contestant.stop();
  }
}

async function measureAll(
  contestants: ReadonlyMap<string, Contestant>,
  workloads: readonly Workload[],
  rounds: number,
): Promise<Timings> {
  const timings = new Map(
    Array.from(contestants.keys(), (name) => [name, workloads.map((): Timing[] => [])]),
  );
  const turns = workloads.flatMap((workload, index) =>
    Array.from(contestants, ([name, contestant]) => ({ workload, index, name, contestant })),
  );
  for (const { contestant, workload } of turns) await contestant.measure(warmUp(workload));
  for (let round = 1; round <= rounds; round++) {
    for (const { contestant, workload, name, index } of turns) {
      timings.get(name)?.[index]?.push(await contestant.measure(workload));
    }
    console.error(`round ${round} of ${rounds}`);
  }
  return timings;
}

function warmUp(workload: Workload): Workload {
  return { ...workload, answerTokens: Math.min(workload.answerTokens, 4) };
}
