// On which CPUs a thread runs. Two threads that wake each other every few milliseconds else end up on the same one: Linux
// puts who is woken beside who wakes, and where there are few CPUs it does not look for an idle one.
import koffi from 'koffi';

/** Room for 8,192 CPUs. */
const maskBytes = 1024;
const callingThread = 0;

/** Those that the calling thread may run on; none where that cannot be told, as elsewhere than on Linux. */
export function usableCpus(): number[] {
  const mask = Buffer.alloc(maskBytes);
  if (process.platform !== 'linux') return [];
  if (affinityCall('sched_getaffinity')(callingThread, maskBytes, mask) < 0) return [];
  return Array.from({ length: 8 * maskBytes }, (_, cpu) => cpu).filter(
    (cpu) => (((mask[cpu >> 3] ?? 0) >> (cpu & 7)) & 1) === 1,
  );
}

/** Lets the calling thread run on these alone; with none, and where the system will not have it, nothing changes. */
export function keepToCpus(cpus: readonly number[]): void {
  if (cpus.length === 0) return;
  const mask = Buffer.alloc(maskBytes);
  for (const cpu of cpus) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  affinityCall('sched_setaffinity')(callingThread, maskBytes, mask);
}

type AffinityCall = (thread: number, maskBytes: number, mask: Buffer) => number;

function affinityCall(name: 'sched_getaffinity' | 'sched_setaffinity'): AffinityCall {
  return koffi.load(null).func(name, 'int', ['int', 'size_t', 'void *']);
}
