// The main thread's side of the worker: who is in flight, which stream an event belongs to, what to do when it dies.
import { ServerError } from '../errors.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import { checkInput } from './admission.ts';
import type { Engine, HealthChange, SequenceInput } from './client.ts';
import { Gate, type GateLimits, type Visit } from './gate.ts';
import type { EngineModel, FromWorker, SequenceEvent, StepReport, ToWorker } from './messages.ts';
import type { OpenWorker } from './open-worker.ts';
import { SequenceStream } from './sequence-stream.ts';
import { SupervisedWorker } from './supervised-worker.ts';
import type { TokenQuota } from './token-quota.ts';

interface InFlight {
  readonly stream: SequenceStream;
  readonly promptTokens: number;
  readonly visit: Visit;
  hasBegun: boolean;
  readonly onFinish: () => void;
}

export class WorkerEngine implements Engine {
  readonly model: EngineModel;
  readonly manifest: PolicyManifest;
  readonly #worker: SupervisedWorker;
  readonly #gate: Gate;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #stepListeners = new Set<(report: StepReport) => void>();
  readonly #healthListeners = new Set<(change: HealthChange) => void>();
  /** Those who wait for the worker to read its messages. */
  readonly #pings: ((isAlive: boolean) => void)[] = [];
  #lastStep: Pick<StepReport, 'running' | 'cacheUsage'> = { running: 0, cacheUsage: 0 };
  #nextId = 0;
  #closing = false;

  constructor(
    first: OpenWorker,
    reopen: () => Promise<OpenWorker>,
    limits: GateLimits,
    tokenQuota: TokenQuota,
  ) {
    this.model = first.model;
    this.manifest = first.manifest;
    this.#gate = new Gate(limits, first.model, tokenQuota);
    const start = async () => this.#accept(await reopen());
    this.#worker = new SupervisedWorker(first.worker, start, {
      message: (message) => this.#receive(message),
      down: (cause, restartMs) => this.#die(cause, restartMs),
      up: () => this.#report({ healthy: true }),
    });
  }

  get healthy(): boolean {
    return this.#worker.isAlive;
  }

  get inFlight(): Engine['inFlight'] {
    const { size } = this.#inFlight;
    const { blocks, maxSequences } = this.model;
    if (blocks === undefined) {
      const running = Math.min(size, maxSequences);
      return { waiting: size - running, running, cacheUsage: running / maxSequences };
    }
    // Who has blocks only the worker knows.
    const running = Math.min(size, this.#lastStep.running);
    const cacheUsage = size === 0 ? 0 : this.#lastStep.cacheUsage;
    return { waiting: size - running, running, cacheUsage };
  }

  generate(
    inputs: readonly SequenceInput[],
    signal: AbortSignal,
    promptTokens?: number,
  ): readonly SequenceStream[] {
    this.#checkOpen();
    for (const input of inputs) checkInput(input, this.model, this.manifest);
    const visit = this.#gate.enter(inputs, promptTokens);

    const requests = inputs.map((input) => ({ ...input, id: this.#nextId++ }));
    const cancelAll = (): void => {
      for (const { id } of requests) this.#cancel(id);
    };
    const onFinish = (): void => {
      this.#gate.leave(visit);
      if (visit.sequences === 0) signal.removeEventListener('abort', cancelAll);
    };
    const streams = requests.map(({ id, promptIds }) => {
      const stream = new SequenceStream(() => this.#cancel(id));
      const promptTokens = promptIds.length;
      this.#inFlight.set(id, { stream, promptTokens, visit, hasBegun: false, onFinish });
      return stream;
    });
    this.#worker.post({ type: 'submit', requests });
    if (signal.aborted) cancelAll();
    else signal.addEventListener('abort', cancelAll);
    return streams;
  }

  onStep(listener: (report: StepReport) => void): () => void {
    this.#stepListeners.add(listener);
    return () => this.#stepListeners.delete(listener);
  }

  onHealth(listener: (change: HealthChange) => void): () => void {
    this.#healthListeners.add(listener);
    return () => this.#healthListeners.delete(listener);
  }

  ping(): Promise<boolean> {
    if (!this.healthy) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#pings.push(resolve);
      this.#worker.post({ type: 'ping' });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const id of this.#inFlight.keys()) this.#cancel(id);
    await this.#worker.close();
  }

  #checkOpen(): void {
    if (this.#closing) throw new ServerError('shutting_down', 'The server is shutting down.');
    if (!this.healthy) {
      throw new ServerError('engine_restarting', 'The engine has stopped and is being restarted.');
    }
  }

  /** Tokenizer and limits stay those of the first worker: its successor must serve the same policy. */
  #accept({ worker, model, manifest }: OpenWorker): OpenWorker['worker'] {
    const isSame =
      JSON.stringify([model, manifest]) === JSON.stringify([this.model, this.manifest]);
    if (isSame) return worker;
    // Not terminated: that would keep the memory of its models.
    worker.postMessage({ type: 'close' } satisfies ToWorker);
    throw new Error('The policy on disk is no longer the one that is served.');
  }

  #receive(message: FromWorker): void {
    if (message.type === 'pong') this.#pings.shift()?.(true);
    if (message.type !== 'step' && message.type !== 'events') return;
    for (const event of message.events) this.#route(event);
    if (message.type !== 'step') return;
    this.#lastStep = message.report;
    for (const listener of this.#stepListeners) listener(message.report);
  }

  #route(event: SequenceEvent): void {
    const sequence = this.#inFlight.get(event.id);
    if (!sequence) return;
    if (!sequence.hasBegun) {
      sequence.hasBegun = true;
      this.#gate.begin(sequence.promptTokens);
    }
    if (event.kind === 'token') this.#gate.token(sequence.visit);
    if (event.kind === 'finish') {
      this.#inFlight.delete(event.id);
      sequence.onFinish();
    }
    sequence.stream.push(event);
  }

  #cancel(id: number): void {
    if (this.#inFlight.has(id)) this.#worker.post({ type: 'cancel', id });
  }

  #die(cause: Error, restartMs: number | null): void {
    for (const answer of this.#pings.splice(0)) answer(false);
    for (const id of [...this.#inFlight.keys()]) {
      this.#route(
        this.#closing
          ? { kind: 'finish', id, reason: 'cancelled' }
          : { kind: 'finish', id, reason: 'error', message: 'The engine has stopped.' },
      );
    }
    if (restartMs !== null) this.#report({ healthy: false, cause, restartMs });
  }

  #report(change: HealthChange): void {
    for (const listener of this.#healthListeners) listener(change);
  }
}
