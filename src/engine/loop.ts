// The engine without its thread: messages in, one step at a time, messages out.
import type { Policy, PolicyStep } from '../policy/policy.ts';
import { tokensRun, usesValue } from '../policy/step-batch.ts';
import { ArgmaxProbe } from './argmax-probe.ts';
import type { FromWorker, SequenceEvent, ToWorker } from './messages.ts';
import type { Sequence } from './sequence.ts';
import { StepEvents } from './step-events.ts';
import type { Planner, StepPlan } from './step-plan.ts';

interface StepResult {
  readonly events: readonly SequenceEvent[];
  readonly movesArgmax: boolean | null;
  readonly hostBytes: number;
  readonly error: string | null;
}

export class EngineLoop {
  readonly #policy: Policy;
  readonly #planner: Planner;
  readonly #post: (message: FromWorker) => void;
  readonly #stepEvents = new StepEvents();
  readonly #argmaxProbe = new ArgmaxProbe();

  constructor(policy: Policy, planner: Planner, post: (message: FromWorker) => void) {
    this.#policy = policy;
    this.#planner = planner;
    this.#post = post;
  }

  /** Between steps only. */
  receive(message: Exclude<ToWorker, { type: 'close' | 'ping' }>): void {
    switch (message.type) {
      case 'submit':
        for (const request of message.requests) this.#planner.submit(request);
        return;
      case 'cancel':
        if (this.#planner.cancel(message.id)) {
          const event: SequenceEvent = { kind: 'finish', id: message.id, reason: 'cancelled' };
          this.#post({ type: 'events', events: [event] });
        }
    }
  }

  /** False when there was nothing to do. */
  step(): boolean {
    const startMs = performance.now();
    const plan = this.#planner.plan();
    if (!plan) return false;
    const { kind, rows, width, admitted, preempted } = plan;
    const tokens = rows.reduce((sum, row) => sum + tokensRun(row, width), 0);
    const admission = {
      admittedTokens: admitted.reduce((sum, { length }) => sum + length, 0),
      cachedTokens: admitted.reduce((sum, { cached }) => sum + cached, 0),
    };
    const { events, movesArgmax, hostBytes, error } = this.#run(plan);
    const durationMs = performance.now() - startMs;
    const report = {
      kind,
      batchSize: rows.length,
      tokens,
      ...admission,
      usesValue: usesValue(rows),
      movesArgmax,
      hostBytes,
      durationMs,
      preempted: preempted.length,
      running: this.#planner.running,
      cacheUsage: this.#planner.cacheUsage,
      ...(error === null ? {} : { error }),
    };
    const admissions = admitted.map((sequence) => admitEvent(sequence, durationMs));
    const preemptions = preempted.map(({ request: { id } }): SequenceEvent => {
      return { kind: 'preempt', id };
    });
    this.#post({ type: 'step', report, events: [...preemptions, ...admissions, ...events] });
    return true;
  }

  /** A run that fails takes its own sequences with it and nothing else. */
  #run(plan: StepPlan): StepResult {
    // Not within the try: after half a move no slot could be trusted, so that ends the worker.
    for (const { kind, from, to, tokens } of plan.moves) {
      this.#policy.cache[kind](from, to, tokens);
    }
    let result: PolicyStep;
    try {
      result = this.#policy.step(plan);
    } catch (error) {
      const events = this.#planner.fail(plan).map(({ request }): SequenceEvent => {
        return { kind: 'finish', id: request.id, reason: 'error', message: 'The model failed.' };
      });
      return {
        events,
        movesArgmax: null,
        hostBytes: 0,
        error: error instanceof Error ? error.message : String(error),
      };
    }
    const movesArgmax = this.#argmaxProbe.look(plan, result);
    const outcomes = this.#planner.commit(plan, result.tokens);
    const events = this.#stepEvents.of(plan, outcomes, result.scores);
    return { events, movesArgmax, hostBytes: result.scores.hostBytes, error: null };
  }
}

function admitEvent({ request: { id }, cached }: Sequence, sinceMs: number): SequenceEvent {
  return { kind: 'admit', id, cachedTokens: cached, sinceMs };
}
