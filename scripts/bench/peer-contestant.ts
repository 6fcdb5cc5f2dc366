// A peer in Python, in a process of its own that stays for all rounds; `peers/protocol.py` is the other end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Contestant } from './contestant.ts';

const greetingSchema = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ missing: z.string() }),
]);
const timingSchema = z.object({
  prefillSeconds: z.number(),
  seconds: z.number(),
  tokens: z.number(),
});

/** Null when the peer's package, or Python itself, is not installed. */
export async function startPeer(
  python: string,
  script: string,
  args: readonly string[],
): Promise<Contestant | null> {
  const path = fileURLToPath(new URL(`./peers/${script}`, import.meta.url));
  const child = spawn(python, [path, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-2000);
  });
  const closed = once(child, 'close').catch(() => {
    complaints = `${python} cannot be run`;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  async function read(): Promise<unknown> {
    const line = await lines.next();
    if (!line.done) return JSON.parse(line.value);
    await closed;
    throw new Error(`${script} ended: ${complaints}`);
  }
  if ('missing' in greetingSchema.parse(await read())) return null;
  return {
    async measure(workload) {
      child.stdin.write(`${JSON.stringify(workload)}\n`);
      return timingSchema.parse(await read());
    },
    async stop() {
      child.stdin.end();
      await closed;
    },
  };
}
