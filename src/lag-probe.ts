// How late the threads are: once a second one timer for the main thread and one message for the engine's.
import type { Metrics } from './metrics/metrics.ts';

const INTERVAL_MS = 1000;

/** `ping` resolves when the engine has read it, to false if it died instead. Returns how to stop. */
export function probeLag(
  ping: () => Promise<boolean>,
  { loopLagged }: Pick<Metrics, 'loopLagged'>,
): () => void {
  let dueMs = performance.now() + INTERVAL_MS;
  let isWaiting = false;
  const probe = async (): Promise<void> => {
    const nowMs = performance.now();
    loopLagged('main', Math.max(0, nowMs - dueMs) / 1000);
    dueMs = nowMs + INTERVAL_MS;
    // An engine that is late for longer than the interval is asked when it has answered.
    if (isWaiting) return;
    isWaiting = true;
    if (await ping()) loopLagged('engine', (performance.now() - nowMs) / 1000);
    isWaiting = false;
  };
  const timer = setInterval(() => void probe(), INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
