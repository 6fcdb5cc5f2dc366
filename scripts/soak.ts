// Loads a server for a while and checks that its resident memory is flat: npm run soak -- --minutes 60
// It prints a row of its table as each sample is taken, so a run can be watched; the exit code tells the verdict.
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { scrape } from './scrape.ts';
import { startServerProcess } from './server-process.ts';
import { runTraffic } from './soak/traffic.ts';
import { judge, type Sample, type Verdict } from './soak/verdict.ts';

export interface SoakOptions {
  readonly model: string;
  readonly minutes: number;
  readonly clients: number;
  /** Between a client's requests. */
  readonly pauseMs: number;
  /** Of the server's operators; 0 lets ONNX Runtime decide. */
  readonly threads: number;
  /** Growth of resident memory, as `judge` counts it, that passes. */
  readonly allowedMib: number;
  readonly onSample?: (sample: Sample) => void;
}

export interface SoakResult extends Verdict {
  readonly requests: number;
  /** What went wrong; memory that is flat under errors proves little. */
  readonly failures: readonly string[];
  /** Evenly spaced in time. */
  readonly samples: readonly Sample[];
}

const SAMPLES = 60;
const FAILURES_SHOWN = 20;

/** V8 collects late while memory is free, which looks like a leak; a heap that stays small shows what is really kept. */
const SMALL_HEAP = ['--max-old-space-size=64', '--max-semi-space-size=1'];

/** Fewer slots than clients, so that answers wait and caches give way; a queue that fills, so that some are refused. */
const CROWDED = ['--max-sequences', '4', '--queue-limit', '24', '--max-n', '24'];

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const flags = ['--model', options.model, '--threads', String(options.threads), ...CROWDED];
  const server = await startServerProcess(flags, SMALL_HEAP);
  let requests = 0;
  const failures: string[] = [];
  const watching = {
    onRequest: () => {
      requests += 1;
    },
    onFailure: (message: string) => {
      failures.push(message);
    },
  };
  try {
    const startMs = performance.now();
    const until = startMs + options.minutes * 60_000;
    const traffic = runTraffic({ url: server.url, ...watching, ...options }, until);
    const samples: Sample[] = [];
    const watch = async (): Promise<void> => {
      while (performance.now() < until) {
        try {
          const metric = await scrape(server.url);
          const residentMib = metric('process_resident_memory_bytes') / 2 ** 20;
          const sample = { minute: (performance.now() - startMs) / 60_000, residentMib, requests };
          samples.push(sample);
          options.onSample?.(sample);
        } catch (error) {
          watching.onFailure(`/metrics: ${error}`);
        }
        await new Promise((resolve) => setTimeout(resolve, (until - startMs) / SAMPLES));
      }
    };
    await Promise.all([traffic, watch()]);
    return { requests, failures, samples, ...judge(samples, options.allowedMib) };
  } finally {
    // What was measured is worth more than a clean end.
    await server.stop().catch((error: unknown) => failures.push(String(error)));
  }
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      model: { type: 'string', default: 'models/wordle' },
      minutes: { type: 'string', default: '10' },
      clients: { type: 'string', default: '16' },
      'pause-ms': { type: 'string', default: '0' },
      threads: { type: 'string', default: '0' },
      'allowed-mib': { type: 'string', default: '16' },
    },
  });
  const allowedMib = Number(flags['allowed-mib']);
  console.log('| minute | resident, MiB | requests |\n| --- | --- | --- |');
  const { failures, grownMib, grownBytesPerRequest, isFlat } = await soak({
    model: flags.model,
    minutes: Number(flags.minutes),
    clients: Number(flags.clients),
    pauseMs: Number(flags['pause-ms']),
    threads: Number(flags.threads),
    allowedMib,
    onSample: ({ minute, residentMib, requests }) =>
      console.log(`| ${minute.toFixed(1)} | ${residentMib.toFixed(1)} | ${requests} |`),
  });
  const growth = `${grownMib.toFixed(1)} MiB (${grownBytesPerRequest.toFixed(0)} bytes a request)`;
  console.log(
    `\nFrom the median of the second quarter to that of the last, resident memory grew by ${growth}; up to ${allowedMib} MiB is flat: ${isFlat ? 'flat' : 'NOT flat'}`,
  );
  for (const failure of failures.slice(0, FAILURES_SHOWN)) console.log(`failed: ${failure}`);
  console.log(`${failures.length} requests failed`);
  process.exitCode = isFlat && failures.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
