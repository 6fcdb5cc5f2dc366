// Waiting that ends when nobody wants the result any more.
import { cancellation } from './errors.ts';

/** Settles as `work` does, or rejects as soon as `signal` is aborted; `work` goes on, and whoever began it sees to its result. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancellation(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = () => signal.removeEventListener('abort', onAbort);
    work.then(resolve, reject).finally(settled);
  });
}
