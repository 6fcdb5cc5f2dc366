// Loads a server for a while and checks that its resident memory is flat: npm run soak -- --minutes 60
// Every kind of traffic that leaves something behind when it is handled carelessly takes its turn.
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export interface SoakOptions {
  readonly model: string;
  readonly minutes: number;
  readonly clients: number;
  /** Growth of resident memory, from the first half (warm-up left out) to the end, that passes. */
  readonly allowedMib: number;
}

export interface SoakResult {
  readonly requests: number;
  /** Resident memory, evenly spaced in time. */
  readonly samplesMib: readonly number[];
  readonly grownMib: number;
  readonly isFlat: boolean;
}

const SAMPLES = 60;

/** V8 collects late while memory is free, which looks like a leak; a heap that stays small shows what is really kept. */
const SMALL_HEAP = ['--max-old-space-size=64', '--max-semi-space-size=1'];

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const server = await startServerProcess(['--model', options.model], SMALL_HEAP);
  try {
    const until = performance.now() + options.minutes * 60_000;
    const clients = Array.from({ length: options.clients }, (_, client) =>
      loadUntil(server, until, client),
    );
    const samplesMib = await sample(server, until);
    const requests = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0);
    const grownMib = growth(samplesMib);
    return { requests, samplesMib, grownMib, isFlat: grownMib <= options.allowedMib };
  } finally {
    await server.stop();
  }
}

/** How much the last quarter lies above the second; the first warms up. */
function growth(samples: readonly number[]): number {
  const quarter = Math.floor(samples.length / 4);
  return median(samples.slice(-quarter)) - median(samples.slice(quarter, 2 * quarter));
}

async function sample({ url }: ServerProcess, until: number): Promise<number[]> {
  const everyMs = (until - performance.now()) / SAMPLES;
  const samples: number[] = [];
  while (performance.now() < until) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const bytes = Number(/^process_resident_memory_bytes (.*)$/m.exec(text)?.[1]);
    samples.push(bytes / 2 ** 20);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return samples;
}

/** A conversation that starts over when it is full, each of its turns another kind of request. */
async function loadUntil({ url }: ServerProcess, until: number, client: number): Promise<number> {
  const model = await servedModel(url);
  let transcript = '';
  let count = 0;
  while (performance.now() < until) {
    const kind = count % 5;
    const response = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({
        model: kind === 4 ? 'no-such-model' : model,
        prompt: `Wordle:\n${transcript}`,
        max_tokens: 5,
        seed: 1000 * client + count,
        n: kind === 1 ? 3 : 1,
        stream: kind === 2 || kind === 3,
        logprobs: kind === 0 ? 2 : null,
        echo: kind === 0 && count % 2 === 0,
      }),
    });
    if (response.status >= 500) throw new Error(`${response.status}: ${await response.text()}`);
    if (kind === 3) await response.body?.cancel();
    else await response.text();
    count += 1;
    transcript = transcript.length > 60 ? '' : `${transcript}s h i r e\nb y g g b\n`;
  }
  return count;
}

async function servedModel(url: string): Promise<string> {
  const models: { data: [{ id: string }] } = JSON.parse(
    await (await fetch(`${url}/v1/models`)).text(),
  );
  return models.data[0].id;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      model: { type: 'string', default: 'models/wordle' },
      minutes: { type: 'string', default: '10' },
      clients: { type: 'string', default: '16' },
      'allowed-mib': { type: 'string', default: '16' },
    },
  });
  const { requests, samplesMib, grownMib, isFlat } = await soak({
    model: flags.model,
    minutes: Number(flags.minutes),
    clients: Number(flags.clients),
    allowedMib: Number(flags['allowed-mib']),
  });
  console.log(samplesMib.map((mib) => mib.toFixed(0)).join(' '));
  console.log(
    `${requests} requests; resident memory grew by ${grownMib.toFixed(1)} MiB: ${isFlat ? 'flat' : 'NOT flat'}`,
  );
  process.exitCode = isFlat ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
