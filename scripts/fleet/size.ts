// How many replicas so many agents need: as many agents a replica as it can take with its tokens in time.
import type { Capacity } from './capacity.ts';
import { type AgentHabits, type Load, simulateReplica } from './replica.ts';

export interface Target {
  readonly ttftP95Seconds: number;
  readonly paceP95Seconds: number;
  readonly simulatedSeconds: number;
  readonly seed: number;
}

export interface FleetSize {
  readonly agentsPerReplica: number;
  readonly replicas: number;
  /** Of one replica, with its share of the agents. */
  readonly load: Load;
}

/** Most agents on one replica within the target; 0 where even one waits too long. */
export function mostAgents(capacity: Capacity, habits: AgentHabits, target: Target): number {
  const fits = (agents: number): boolean => {
    const load = loadOf(capacity, agents, habits, target);
    return (
      load.ttftP95Seconds <= target.ttftP95Seconds && load.paceP95Seconds <= target.paceP95Seconds
    );
  };
  let [low, high] = [0, 1];
  while (fits(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

export function sizeFleet(
  capacity: Capacity,
  habits: AgentHabits,
  target: Target,
  agents: number,
): FleetSize | null {
  const most = mostAgents(capacity, habits, target);
  if (most === 0) return null;
  const replicas = Math.ceil(agents / most);
  const agentsPerReplica = Math.ceil(agents / replicas);
  const load = loadOf(capacity, agentsPerReplica, habits, target);
  return { agentsPerReplica, replicas, load };
}

function loadOf(capacity: Capacity, agents: number, habits: AgentHabits, target: Target): Load {
  return simulateReplica(capacity, agents, habits, target.simulatedSeconds, target.seed);
}
