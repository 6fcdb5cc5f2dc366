// Which tensors a session reads and writes, bound once and run many times. A run is synchronous: it blocks its thread.
import type { Pointer } from './api.ts';
import type { Handle } from './runtime.ts';
import type { Session } from './session.ts';
import type { Tensor } from './tensor.ts';

export class Binding {
  readonly #session: Session;
  readonly #binding: Handle;

  constructor(session: Session) {
    const { api } = session.runtime;
    this.#session = session;
    this.#binding = session.runtime.own(
      (out) => api.CreateIoBinding(session.pointer, out),
      api.ReleaseIoBinding,
    );
  }

  /**
   * A tensor on the session's device is read in place at every run. One elsewhere is copied now, as it stands, so it
   * must be bound again when its content has changed.
   */
  bindInput(name: string, tensor: Tensor): void {
    const { runtime } = this.#session;
    runtime.check(runtime.api.BindInput(this.#binding.pointer, name, tensor.pointer));
  }

  /** Every run writes into `tensor`, which may be an input's too. */
  bindOutput(name: string, tensor: Tensor): void {
    const { runtime } = this.#session;
    runtime.check(runtime.api.BindOutput(this.#binding.pointer, name, tensor.pointer));
  }

  run(): void {
    const { runtime, pointer } = this.#session;
    runtime.check(runtime.api.RunWithBinding(pointer, null, this.#binding.pointer));
  }

  /** Of the session and of this, for a thread that runs it while its owner keeps both. */
  get addresses(): readonly [session: Pointer, binding: Pointer] {
    return [this.#session.pointer, this.#binding.pointer];
  }

  release(): void {
    this.#binding.release();
  }
}
