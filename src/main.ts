#!/usr/bin/env node
// Starts the server: settings, engine, HTTP, and what happens at SIGTERM. Knows every folder, with `wire.ts` and `check.ts`.
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalog } from './catalog/catalog.ts';
import { check } from './check.ts';
import { type Command, readCommandLine } from './config/command-line.ts';
import type { Config } from './config/settings.ts';
import { describeCache } from './engine/describe-cache.ts';
import { KeyRing } from './http/access/key-ring.ts';
import { createApp } from './http/app.ts';
import { closeServer } from './http/close-server.ts';
import { Drain } from './http/drain.ts';
import { listen } from './http/listen.ts';
import { createNodeServer, type NodeServer } from './http/node-server.ts';
import { probeLag } from './lag-probe.ts';
import { createLogger, type Logger } from './log.ts';
import type { Tracing } from './tracing.ts';
import { VERSION } from './version.ts';
import { wire } from './wire.ts';

/** How long a collector may take to accept the last traces. */
const TRACES_TIMEOUT_MS = 1000;

async function serve(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel);
  const keys = new KeyRing({ file: config.apiKeyFile, key: config.apiKey });
  const { catalog, metrics } = wire(config, logger);
  const tracing = await traces(config);
  const drain = new Drain();
  const app = createApp({
    catalog,
    metrics,
    logger,
    drain,
    limits: config,
    access: { keys, openMetrics: config.openMetrics === 'on', corsOrigin: config.corsOrigin },
    tracing,
  });
  const node = createNodeServer(app.fetch, config, ({ code }) => metrics.requestRejected(code));
  const { server } = node;
  // Before anything is loaded, which may take minutes: probes are answered meanwhile.
  const address = await listen(server, config.host, config.port);
  // A connection that cannot be taken, for want of file handles say, must not end all others.
  server.on('error', (err) => logger.error({ err }, 'a connection could not be taken'));
  stopOnSignal(async () => {
    logger.info('stopping: new requests are refused, running ones may finish');
    await drain.drain(config.shutdownTimeoutMs, config.drainDelayMs);
    await closeServer(server);
    await sendTraces(tracing, logger);
    await catalog.close();
    logger.info('stopped');
  });
  reloadOnSignal({ keys, node, catalog }, config, logger);
  probeLag(() => catalog.ping(), metrics);
  try {
    await catalog.start();
  } catch (error) {
    // A signal may have come first: then stopping goes on.
    if (!drain.isDraining) throw error;
    return;
  }
  // Last: whoever reads this line may send a request, or a signal, at once.
  announce(config, catalog, urlOf(node, address), logger);
}

/** Loaded only where they are wanted. */
async function traces({ otlpEndpoint }: Config): Promise<Tracing | null> {
  if (otlpEndpoint === null) return null;
  const { startTracing } = await import('./tracing.ts');
  return startTracing(otlpEndpoint);
}

/** A collector that does not answer must not keep the server from ending. */
async function sendTraces(tracing: Tracing | null, logger: Logger): Promise<void> {
  if (tracing === null) return;
  const sent = tracing.close().catch((err: unknown) => logger.warn({ err }, 'traces are lost'));
  await Promise.race([sent, sleep(TRACES_TIMEOUT_MS)]);
}

function urlOf({ scheme }: NodeServer, { address, family, port }: AddressInfo): string {
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** What is served, where and within which limits: one line, for people and for machines. */
function announce(config: Config, catalog: Catalog, url: string, logger: Logger): void {
  const policies = catalog.list();
  const [first, ...others] = policies;
  if (first === undefined || first.model === null) return;
  const { device, maxSequences, maxLength, kvCacheBytes } = first.model;
  const cache = `${describeCache(first.model, first.description.manifest)} = ${(kvCacheBytes / 2 ** 20).toFixed(1)} MiB of KV cache`;
  const also = others.length === 0 ? '' : `; also ${others.map(({ name }) => name).join(', ')}`;
  logger.info(
    {
      version: VERSION,
      url,
      model: first.name,
      device,
      maxSequences,
      maxLength,
      kvCacheBytes,
      policies: policies.map(({ name, description, state }) => ({
        name,
        id: description.manifest.id,
        folder: description.folder,
        memoryBytes: description.memoryBytes,
        state,
      })),
      limits: {
        queue: config.queueLimit,
        answers: config.maxN,
        beta: config.maxBeta,
        bodyBytes: config.maxBodyBytes,
        promptChars: config.maxPromptChars,
        memoryBytes: config.memoryBudget,
        shutdownMs: config.shutdownTimeoutMs,
      },
    },
    `serving ${first.name} at ${url}/v1 on ${device}: ${cache}, ${config.queueLimit} more may wait${also}`,
  );
}

/** What cannot be used leaves what there is as it was. */
function reloadOnSignal(
  { keys, node, catalog }: { keys: KeyRing; node: NodeServer; catalog: Catalog },
  { apiKeyFile, tlsCert }: Config,
  logger: Logger,
): void {
  process.on('SIGHUP', () => {
    if (apiKeyFile !== null) attempt('API keys', () => keys.reload(), logger);
    if (tlsCert !== null) attempt('TLS certificate', () => node.reloadTls(), logger);
    catalog.reload().then(
      () => logger.info('policies loaded again'),
      (err: unknown) =>
        logger.error({ err }, 'policies that could not be loaded stay as they were'),
    );
  });
}

function attempt(what: string, reload: () => void, logger: Logger): void {
  try {
    reload();
    logger.info(`${what} read again`);
  } catch (err) {
    logger.error({ err }, `${what} could not be read again and stay as they were`);
  }
}

function stopOnSignal(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = (): void => {
    if (isStopping) return;
    isStopping = true;
    stop().then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

async function run({ kind, config, unknownVariables }: Command): Promise<void> {
  for (const name of unknownVariables) {
    process.stderr.write(`qsft-server: ${name} is no setting; --help lists them.\n`);
  }
  if (kind === 'serve') await serve(config);
  else process.exitCode = await check(config, (line) => process.stdout.write(`${line}\n`));
}

function fail(error: unknown): never {
  process.stderr.write(`qsft-server: ${messageOf(error)}\n`);
  process.exit(1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  // biome-ignore lint/style/noProcessEnv: the one place that reads the environment
  const command = readCommandLine(process.argv.slice(2), process.env);
  if (command.kind === 'tell') process.stdout.write(command.text);
  else await run(command);
} catch (error) {
  fail(error);
}
