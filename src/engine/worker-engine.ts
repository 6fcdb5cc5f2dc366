// The main thread's side of a running worker: who is in flight, which stream an event belongs to, what to do when it dies.
import type { Worker } from 'node:worker_threads';
import { ServerError } from '../errors.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import { checkInput, checkQueue } from './admission.ts';
import type { Engine, SequenceInput } from './client.ts';
import type { EngineModel, FromWorker, SequenceEvent, StepReport, ToWorker } from './messages.ts';
import { SequenceStream } from './sequence-stream.ts';

const closeDeadlineMs = 10_000;

interface InFlight {
  readonly stream: SequenceStream;
  readonly onFinish: () => void;
}

export class WorkerEngine implements Engine {
  readonly model: EngineModel;
  readonly manifest: PolicyManifest;
  readonly #worker: Worker;
  readonly #queueLimit: number;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #listeners = new Set<(report: StepReport) => void>();
  readonly #exited: Promise<void>;
  #nextId = 0;
  #closing = false;
  /** Why the worker is gone; null while it lives. */
  #death: Error | null = null;

  constructor(worker: Worker, model: EngineModel, manifest: PolicyManifest, queueLimit: number) {
    this.#worker = worker;
    this.model = model;
    this.manifest = manifest;
    this.#queueLimit = queueLimit;
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (error) => this.#die(error));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#die(new Error(`The engine's worker exited with code ${code}.`));
        resolve();
      });
    });
  }

  get healthy(): boolean {
    return this.#death === null;
  }

  get inFlight(): Engine['inFlight'] {
    const running = Math.min(this.#inFlight.size, this.model.maxSequences);
    return { waiting: this.#inFlight.size - running, running };
  }

  generate(inputs: readonly SequenceInput[], signal: AbortSignal): readonly SequenceStream[] {
    this.#checkOpen();
    for (const input of inputs) checkInput(input, this.model, this.manifest);
    checkQueue(inputs.length, this.#inFlight.size, this.model, this.#queueLimit);

    const requests = inputs.map((input) => ({ ...input, id: this.#nextId++ }));
    const cancelAll = (): void => {
      for (const { id } of requests) this.#cancel(id);
    };
    let unfinished = requests.length;
    const onFinish = (): void => {
      unfinished -= 1;
      if (unfinished === 0) signal.removeEventListener('abort', cancelAll);
    };
    const streams = requests.map(({ id }) => {
      const stream = new SequenceStream(() => this.#cancel(id));
      this.#inFlight.set(id, { stream, onFinish });
      return stream;
    });
    this.#post({ type: 'submit', requests });
    if (signal.aborted) cancelAll();
    else signal.addEventListener('abort', cancelAll);
    return streams;
  }

  onStep(listener: (report: StepReport) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const id of this.#inFlight.keys()) this.#cancel(id);
    this.#post({ type: 'close' });
    const timer = setTimeout(() => void this.#worker.terminate(), closeDeadlineMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #checkOpen(): void {
    if (this.#closing) throw new ServerError('shutting_down', 'The server is shutting down.');
    if (this.#death) {
      throw new ServerError('engine_failed', 'The engine has stopped.', { cause: this.#death });
    }
  }

  #receive(message: FromWorker): void {
    if (message.type !== 'step' && message.type !== 'events') return;
    for (const event of message.events) this.#route(event);
    if (message.type !== 'step') return;
    for (const listener of this.#listeners) listener(message.report);
  }

  #route(event: SequenceEvent): void {
    const sequence = this.#inFlight.get(event.id);
    if (!sequence) return;
    if (event.kind === 'finish') {
      this.#inFlight.delete(event.id);
      sequence.onFinish();
    }
    sequence.stream.push(event);
  }

  #cancel(id: number): void {
    if (this.#inFlight.has(id)) this.#post({ type: 'cancel', id });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #die(error: Error): void {
    this.#death ??= error;
    for (const id of [...this.#inFlight.keys()]) {
      this.#route(
        this.#closing
          ? { kind: 'finish', id, reason: 'cancelled' }
          : { kind: 'finish', id, reason: 'error', message: 'The engine has stopped.' },
      );
    }
  }
}
