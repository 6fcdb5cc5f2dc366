// What a server must look like when nobody asks anything of it any more.
import { scrape } from '../scrape.ts';

const DEADLINE_MS = 60_000;
const GAUGES = ['qsft_queue_depth', 'qsft_sequences_running'];

/** Rejects when sequences are left over, or when the server is not ready, after a while. */
export async function expectQuiet(url: string): Promise<void> {
  const until = performance.now() + DEADLINE_MS;
  for (;;) {
    const left = GAUGES.map(await scrape(url));
    const { status } = await fetch(`${url}/health/ready`);
    if (status === 200 && left.every((count) => count === 0)) return;
    if (performance.now() > until) {
      const gauges = GAUGES.map((gauge, index) => `${gauge} ${left[index]}`).join(', ');
      throw new Error(`afterwards readiness was ${status}, ${gauges}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
