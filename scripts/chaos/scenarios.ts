// What is done to a server, scenario by scenario. Each starts its own, sends requests meanwhile, and ends it.
import { closeSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';
import { scrape } from '../scrape.ts';
import {
  type ServerProcess,
  startMutedServerProcess,
  startServerProcess,
} from '../server-process.ts';
import { holdHalfOpen } from './half-open.ts';
import type { Ledger, Outcome } from './ledger.ts';
import { type Sending, send } from './send.ts';
import { expectQuiet } from './settle.ts';

export interface Setting {
  readonly model: string;
  /** The id of that policy. */
  readonly policy: string;
  /** How long each scenario goes on. */
  readonly seconds: number;
  readonly ledger: Ledger;
}

export interface Scenario {
  readonly name: string;
  /** Ends that are right here beside `served`, `refused` and `left`. */
  readonly allows: readonly Outcome[];
  /** Rejects when the server did not behave. */
  readonly run: (setting: Setting) => Promise<void>;
}

/** A small capacity, so that a few clients are many. */
const SLOTS = 4;
const QUEUE = 24;
const CAPACITY = SLOTS + QUEUE;
const FLAGS = [
  ...['--threads', '1', '--max-sequences', String(SLOTS)],
  ...['--queue-limit', String(QUEUE), '--max-n', String(QUEUE)],
];
const CLIENTS = 8;
/** Memory for JavaScript alone; the models' is beside it. */
const LITTLE_MEMORY = ['--max-old-space-size=40', '--max-semi-space-size=1'];

export const SCENARIOS: readonly Scenario[] = [
  { name: 'clients vanish mid-stream', allows: [], run: vanish },
  { name: 'half-open sockets', allows: [], run: halfOpen },
  // Reading nothing for too long may cost a client its stream.
  { name: 'slow readers', allows: ['failed', 'broken'], run: slowReaders },
  { name: 'a burst of 20 times the capacity', allows: [], run: burst },
  { name: 'a killed worker', allows: ['failed'], run: killedWorker },
  { name: 'SIGHUP under load', allows: [], run: reload },
  { name: 'SIGTERM under load', allows: [], run: terminate },
  { name: 'SIGKILL and restart', allows: ['broken'], run: killAndRestart },
  { name: 'a full disk for logs', allows: [], run: fullDisk },
  { name: 'clock jumps', allows: [], run: clockJumps },
  { name: 'memory pressure', allows: [], run: memoryPressure },
];

async function vanish(setting: Setting): Promise<void> {
  await withServer(setting, [], async ({ url }) => {
    const leaving = (count: number): Sending => ({
      body: body(setting, count, { n: 4, stream: count % 3 !== 0 }),
      leaveAfterMs: (count % 7) * 10,
    });
    await Promise.all([load(url, setting, CLIENTS, leaving), load(url, setting, 2)]);
    await expectQuiet(url);
  });
}

async function halfOpen(setting: Setting): Promise<void> {
  await withServer(setting, [], async ({ url }) => {
    const release = await holdHalfOpen(url, 100);
    await load(url, setting, CLIENTS);
    release();
    await expectQuiet(url);
  });
}

async function slowReaders(setting: Setting): Promise<void> {
  const pauseMs = setting.seconds * 1000;
  await withServer(setting, [], async ({ url }) => {
    const slow = { n: 12, stream: true, logprobs: 5, max_tokens: 40 };
    const readers = Array.from({ length: CLIENTS }, (_, count) =>
      send(url, { body: body(setting, count, slow), pauseMs }, setting.ledger),
    );
    await Promise.all([...readers, load(url, setting, 2)]);
    await expectQuiet(url);
  });
}

async function burst(setting: Setting): Promise<void> {
  await withServer(setting, [], async ({ url }) => {
    const requests = Array.from({ length: 20 * CAPACITY }, (_, count) =>
      send(url, { body: body(setting, count, { stream: count % 2 === 0 }) }, setting.ledger),
    );
    await Promise.all(requests);
    if (setting.ledger.counts.served < CAPACITY)
      throw new Error('less than the capacity was served');
    await expectQuiet(url);
  });
}

async function killedWorker(setting: Setting): Promise<void> {
  await withServer(setting, preload('kill-worker'), async (server) => {
    const killing = every(setting.seconds * 400, setting, () => server.kill('SIGUSR2'));
    await Promise.all([load(server.url, setting, CLIENTS), killing]);
    await expectQuiet(server.url);
    await load(server.url, setting, 2);
  });
}

async function reload(setting: Setting): Promise<void> {
  await withServer(setting, [], async (server) => {
    const reloading = every(setting.seconds * 250, setting, () => server.kill('SIGHUP'));
    await Promise.all([load(server.url, setting, CLIENTS), reloading]);
    await expectQuiet(server.url);
  });
}

/** Clients that look at readiness, as load balancers do, and go on until it has said no. */
async function terminate(setting: Setting): Promise<void> {
  const server = await startServerProcess([
    ...['--model', setting.model, '--drain-delay-ms', '500', '--shutdown-timeout-ms', '20000'],
    ...FLAGS,
  ]);
  let isReady = true;
  const watching = (async () => {
    while (isReady) {
      isReady = (await fetch(`${server.url}/health/ready`).catch(() => null))?.ok ?? false;
      await pause(20);
    }
  })();
  const long = Array.from({ length: CLIENTS }, (_, count) =>
    send(
      server.url,
      { body: body(setting, count, { n: 3, max_tokens: 50, stream: true }) },
      setting.ledger,
    ),
  );
  const running = loadWhile(server.url, setting, CLIENTS, () => isReady);
  await pause(setting.seconds * 300);
  const code = await server.stop('SIGTERM');
  await Promise.all([watching, running, ...long]);
  if (code !== 0) throw new Error(`the server exited with ${code}`);
}

async function killAndRestart(setting: Setting): Promise<void> {
  const port = await freePort();
  const flags = ['--model', setting.model, ...FLAGS];
  const output = openSync('/dev/null', 'w');
  try {
    const first = await startMutedServerProcess(flags, { port, output });
    const running = load(first.url, setting, CLIENTS);
    await pause(setting.seconds * 300);
    await first.stop('SIGKILL');
    const second = await startMutedServerProcess(flags, { port, output });
    await running;
    await load(second.url, setting, 2);
    await expectQuiet(second.url);
    await stopCleanly(second);
  } finally {
    closeSync(output);
  }
}

async function fullDisk(setting: Setting): Promise<void> {
  const output = openSync('/dev/full', 'w');
  try {
    const flags = ['--model', setting.model, ...FLAGS];
    const server = await startMutedServerProcess(flags, { port: await freePort(), output });
    await load(server.url, setting, CLIENTS);
    await expectQuiet(server.url);
    await stopCleanly(server);
  } finally {
    closeSync(output);
  }
}

async function clockJumps(setting: Setting): Promise<void> {
  await withServer(setting, preload('jump-clock'), async ({ url }) => {
    const startMs = performance.now();
    await load(url, setting, CLIENTS);
    const seconds = (await scrape(url))('qsft_http_request_duration_seconds_sum');
    const most = ((performance.now() - startMs) / 1000) * CLIENTS;
    if (!(seconds >= 0 && seconds <= most)) {
      throw new Error(
        `requests are said to have taken ${seconds} s; at most ${most} s is possible`,
      );
    }
    await expectQuiet(url);
  });
}

async function memoryPressure(setting: Setting): Promise<void> {
  const heavy = (count: number): Sending => ({
    body: body(setting, count, { n: QUEUE, logprobs: 20, max_tokens: 40, stream: count % 2 === 0 }),
    ...(count % 4 === 0 ? { pauseMs: 200 } : {}),
  });
  await withServer(setting, LITTLE_MEMORY, async ({ url }) => {
    await load(url, setting, 4 * CLIENTS, heavy);
    await expectQuiet(url);
  });
}

async function withServer(
  { model }: Setting,
  nodeFlags: readonly string[],
  use: (server: ServerProcess) => Promise<void>,
): Promise<void> {
  const server = await startServerProcess(['--model', model, ...FLAGS], nodeFlags);
  try {
    await use(server);
  } catch (error) {
    await server.stop('SIGKILL');
    throw error;
  }
  await stopCleanly(server);
}

async function stopCleanly(server: ServerProcess): Promise<void> {
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server exited with ${code}`);
}

/** Clients that send one request after the other for as long as the scenario goes on. */
function load(
  url: string,
  setting: Setting,
  clients: number,
  sending = alternating(setting),
): Promise<void> {
  const until = performance.now() + setting.seconds * 1000;
  return loadWhile(url, setting, clients, () => performance.now() < until, sending);
}

async function loadWhile(
  url: string,
  setting: Setting,
  clients: number,
  goesOn: () => boolean,
  sending = alternating(setting),
): Promise<void> {
  const client = async (number: number): Promise<void> => {
    for (let count = number; goesOn(); count += clients) {
      const outcome = await send(url, sending(count), setting.ledger);
      // As clients should that were told to come back later.
      if (outcome === 'refused' || outcome === 'broken') await pause(20);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
}

/** Whole and streamed in turn. */
function alternating(setting: Setting): (count: number) => Sending {
  return (count) => ({ body: body(setting, count, { stream: count % 2 === 0 }) });
}

function body(
  { policy }: Setting,
  count: number,
  fields: Readonly<Record<string, unknown>> = {},
): Sending['body'] {
  const beta = [0, 1, 64][count % 3];
  return { model: policy, prompt: 'Wordle:\n', max_tokens: 20, seed: count, beta, ...fields };
}

async function every(ms: number, { seconds }: Setting, act: () => void): Promise<void> {
  const until = performance.now() + seconds * 1000 - ms;
  while (performance.now() < until) {
    await pause(ms);
    act();
  }
}

function preload(name: string): string[] {
  return ['--import', fileURLToPath(new URL(`./preload/${name}.mjs`, import.meta.url))];
}
