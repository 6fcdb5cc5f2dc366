// An engine's loop over a real policy, without its thread: requests in, what each of them was told out.
import { EngineLoop } from '../../src/engine/loop.ts';
import type { SequenceEvent, SequenceRequest } from '../../src/engine/messages.ts';
import { Scheduler, type SchedulerLimits } from '../../src/engine/scheduler.ts';
import type { Policy } from '../../src/policy/policy.ts';

type Limits = Pick<SchedulerLimits, 'maxSequences' | 'prefillChunk' | 'minReuse' | 'sharesAnswers'>;

/** Runs requests at once, after all it was given before; their events, in the order of the requests. */
export type AnsweringLoop = (requests: readonly SequenceRequest[]) => readonly SequenceEvent[][];

export function answeringLoop(policy: Policy, limits: Limits): AnsweringLoop {
  const events = new Map<number, SequenceEvent[]>();
  const scheduler = new Scheduler({
    ...limits,
    maxScored: limits.maxSequences,
    vocabularySize: policy.manifest.vocab_size,
    eosTokenIds: new Set(policy.manifest.eos_token_ids),
  });
  const loop = new EngineLoop(policy, scheduler, (message) => {
    if (!('events' in message)) return;
    for (const event of message.events) {
      events.set(event.id, [...(events.get(event.id) ?? []), event]);
    }
  });
  return (requests) => {
    loop.receive({ type: 'submit', requests });
    while (loop.step());
    return requests.map(({ id }) => events.get(id) ?? []);
  };
}
