// Who waits for a slot, in the order in which to get one: lowest priority number first, of equals the first to come.
import type { Sequence } from './sequence.ts';

export function enqueue(waiting: Sequence[], sequence: Sequence): void {
  const { priority } = sequence.request;
  const behind = waiting.findLastIndex(({ request }) => request.priority <= priority);
  waiting.splice(behind + 1, 0, sequence);
}
