// An engine's loop over a real policy, without its thread: requests in, what each of them was told out.
import { EngineLoop } from '../../src/engine/loop.ts';
import type { SequenceEvent, SequenceRequest, StepReport } from '../../src/engine/messages.ts';
import { PagedScheduler } from '../../src/engine/paged-scheduler.ts';
import { Scheduler } from '../../src/engine/scheduler.ts';
import type { PlannerLimits } from '../../src/engine/step-plan.ts';
import type { Policy } from '../../src/policy/policy.ts';

interface Limits
  extends Pick<PlannerLimits, 'maxSequences' | 'prefillChunk' | 'minReuse' | 'sharesAnswers'> {
  /** Of a policy with a paged cache: all it has, or fewer. */
  readonly blocks?: number;
}

/** Runs requests at once, after all it was given before; their events, in the order of the requests. */
export type AnsweringLoop = (requests: readonly SequenceRequest[]) => readonly SequenceEvent[][];

export function answeringLoop(
  policy: Policy,
  limits: Limits,
  onStep: (report: StepReport) => void = () => {},
): AnsweringLoop {
  const events = new Map<number, SequenceEvent[]>();
  const { blocks = policy.cache.slots } = limits;
  const { manifest } = policy;
  const all = {
    ...limits,
    maxScored: limits.maxSequences,
    vocabularySize: manifest.vocab_size,
    eosTokenIds: new Set(manifest.eos_token_ids),
  };
  const { block_size: blockSize } = manifest.kv_cache;
  const planner =
    blockSize === undefined
      ? new Scheduler(all)
      : new PagedScheduler({ ...all, blocks, blockSize });
  const loop = new EngineLoop(policy, planner, (message) => {
    if (message.type === 'step') onStep(message.report);
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
