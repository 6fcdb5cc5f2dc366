// Whether the server takes new work, and when the work it took is done.
import { ServerError } from '../errors.ts';

/** How long requests that were cut short may take to tell their clients. */
const CUT_SHORT_GRACE_MS = 1000;

export class Drain {
  /** One for each request being served; aborting it cuts the request short. */
  readonly #inFlight = new Set<AbortController>();
  #isDraining = false;
  #refuses = false;
  #onIdle: (() => void) | undefined;

  /** Readiness says no. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  refuseWhenDraining(): void {
    if (this.#refuses) throw new ServerError('shutting_down', 'The server is shutting down.');
  }

  enter(request: AbortController): void {
    this.#inFlight.add(request);
  }

  leave(request: AbortController): void {
    this.#inFlight.delete(request);
    if (this.#inFlight.size === 0) this.#onIdle?.();
  }

  /**
   * Takes new work for `delayMs` still, until those who send it have noticed; then refuses it, lets running work finish
   * for `timeoutMs`, and cuts it short.
   * Resolves when none is left, or when what was cut short does not end: a shutdown must not wait for ever.
   */
  async drain(timeoutMs: number, delayMs = 0): Promise<void> {
    this.#isDraining = true;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.#refuses = true;
    if (await this.#becomesIdle(timeoutMs)) return;
    const reason = new ServerError(
      'shutting_down',
      'The answer was cut short: the server is shutting down.',
    );
    for (const request of this.#inFlight) request.abort(reason);
    await this.#becomesIdle(CUT_SHORT_GRACE_MS);
  }

  async #becomesIdle(timeoutMs: number): Promise<boolean> {
    if (this.#inFlight.size === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    return this.#inFlight.size === 0;
  }
}
