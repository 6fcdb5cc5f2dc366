// Whether the server takes new work, and when the work it took is done.
import { ServerError } from '../errors.ts';

export class Drain {
  /** One for each request being served; aborting it cuts the request short. */
  readonly #inFlight = new Set<AbortController>();
  #isDraining = false;
  #onIdle: (() => void) | undefined;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  refuseWhenDraining(): void {
    if (this.#isDraining) throw new ServerError('shutting_down', 'The server is shutting down.');
  }

  enter(request: AbortController): void {
    this.#inFlight.add(request);
  }

  leave(request: AbortController): void {
    this.#inFlight.delete(request);
    if (this.#inFlight.size === 0) this.#onIdle?.();
  }

  /** Refuses new work and lets running work finish for `timeoutMs`, then cuts it short. Resolves when none is left. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    if (this.#inFlight.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const timer = setTimeout(() => this.#cutShort(), timeoutMs);
    await idle;
    clearTimeout(timer);
  }

  #cutShort(): void {
    const reason = new ServerError(
      'shutting_down',
      'The answer was cut short: the server is shutting down.',
    );
    for (const request of this.#inFlight) request.abort(reason);
  }
}
