// One sequence's events, from the port that pushes them to the loop that reads them. Ends after its finish event.
import type { SequenceEvent } from './messages.ts';

type Result = IteratorResult<SequenceEvent, undefined>;

export class SequenceStream implements AsyncIterableIterator<SequenceEvent, undefined> {
  readonly #leave: () => void;
  /** Pushed and not yet read; empty while someone waits. */
  readonly #events: SequenceEvent[] = [];
  readonly #readers: ((result: Result) => void)[] = [];
  #ended = false;

  /** `leave` is called when the reader stops before the finish event. */
  constructor(leave: () => void) {
    this.#leave = leave;
  }

  push(event: SequenceEvent): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader) this.#deliver(event, reader);
    else this.#events.push(event);
  }

  next(): Promise<Result> {
    return new Promise((resolve) => {
      const event = this.#events.shift();
      if (this.#ended) resolve({ done: true, value: undefined });
      else if (event) this.#deliver(event, resolve);
      else this.#readers.push(resolve);
    });
  }

  return(): Promise<Result> {
    if (!this.#ended) {
      this.#end();
      this.#leave();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #deliver(event: SequenceEvent, reader: (result: Result) => void): void {
    reader({ done: false, value: event });
    if (event.kind === 'finish') this.#end();
  }

  #end(): void {
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }
}
