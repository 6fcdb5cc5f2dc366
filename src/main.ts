#!/usr/bin/env node
// Starts the server: settings, engine, HTTP, and what happens at SIGTERM. The only file that knows every folder.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Config, readCommandLine } from './config.ts';
import { type Engine, startEngine } from './engine/client.ts';
import { createChat } from './generation/chat.ts';
import { loadChatTemplate } from './generation/chat-template.ts';
import { createGenerator } from './generation/generator.ts';
import { createScorer } from './generation/scorer.ts';
import { loadTokenizer } from './generation/tokenizer.ts';
import { KeyRing } from './http/access/key-ring.ts';
import { createApp } from './http/app.ts';
import { Drain } from './http/drain.ts';
import { probeLag } from './lag-probe.ts';
import { createLogger, type Logger } from './log.ts';
import { createMetrics } from './metrics.ts';

/** How long answers already complete may take to reach their clients. */
const FLUSH_TIMEOUT_MS = 1000;

async function serve(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel);
  const keys = new KeyRing({ file: config.apiKeyFile, key: config.apiKey });
  const tokenizer = await loadTokenizer(config.model);
  const template = await loadChatTemplate(config.model);
  const engine = await startEngine({
    modelFolder: config.model,
    device: config.device,
    libraryPath: config.ortLibrary,
    threads: config.threads,
    maxSequences: config.maxSequences,
    kvCacheBytes: config.kvCacheMemory,
    maxLength: config.maxModelLen,
    prefillChunk: config.prefillChunk,
    prefixCache: config.prefixCache === 'on',
    queueLimit: config.queueLimit,
  });
  const metrics = createMetrics(engine, config.vllmMetrics === 'on');
  engine.onStep((report) => {
    metrics.stepTaken(report);
    if (report.error !== undefined)
      logger.error({ error: report.error }, 'a step of the model failed');
  });
  const stopProbing = probeLag(() => engine.ping(), metrics);
  engine.onHealth((change) => {
    if (change.healthy) {
      metrics.engineRestarted();
      logger.info('the engine serves again');
    } else {
      const { cause, restartMs } = change;
      logger.error({ err: cause, restartMs }, 'the engine is dead; it will be started again');
    }
  });
  const drain = new Drain();
  const generator = createGenerator(engine, tokenizer, metrics);
  const app = createApp({
    engine,
    scorer: createScorer(engine, tokenizer, metrics),
    tokenizer,
    generator,
    chat: createChat(generator, tokenizer, {
      template,
      toolParser: config.toolParser,
      stopStrings: engine.manifest.chat?.stop_strings ?? [],
      maxPromptChars: config.maxPromptChars,
    }),
    metrics,
    logger,
    drain,
    limits: config,
    access: { keys, openMetrics: config.openMetrics === 'on' },
  });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const address = await listen(server, config);
  reloadOnSignal(keys, logger);
  stopOnSignal(async () => {
    logger.info('stopping: new requests are refused, running ones may finish');
    await drain.drain(config.shutdownTimeoutMs);
    await closeServer(server);
    stopProbing();
    await engine.close();
    logger.info('stopped');
  });
  // Last: whoever reads this line may send a request, or a signal, at once.
  announce(config, engine, address, logger);
}

function listen(server: Server, { host, port }: Config): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

function announce(config: Config, engine: Engine, address: AddressInfo, logger: Logger): void {
  const { manifest, model } = engine;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  const url = `http://${host}:${address.port}`;
  logger.info(
    {
      url,
      model: manifest.id,
      device: model.device,
      maxSequences: model.maxSequences,
      maxLength: model.maxLength,
      kvCacheBytes: model.kvCacheBytes,
      queueLimit: config.queueLimit,
    },
    `serving ${manifest.id} at ${url}/v1 on ${model.device}: ${model.maxSequences} slots × ${model.maxLength} tokens = ${(model.kvCacheBytes / 2 ** 20).toFixed(1)} MiB of KV cache, ${config.queueLimit} more may wait`,
  );
}

/** A file that cannot be used leaves the keys as they were. */
function reloadOnSignal(keys: KeyRing, logger: Logger): void {
  process.on('SIGHUP', () => {
    try {
      keys.reload();
      logger.info({ keys: keys.size }, 'API keys read again');
    } catch (err) {
      logger.error({ err }, 'the API keys stay as they were');
    }
  });
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

/** Lets complete answers reach their clients; a client that does not read them is left. */
async function closeServer(server: Server): Promise<void> {
  // Closing ends the connections that are idle now; those still sending become idle later.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const timer = setTimeout(() => server.closeAllConnections(), FLUSH_TIMEOUT_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  clearInterval(idle);
  clearTimeout(timer);
}

function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`qsft-server: ${message}\n`);
  process.exit(1);
}

try {
  // biome-ignore lint/style/noProcessEnv: the one place that reads the environment
  const command = readCommandLine(process.argv.slice(2), process.env);
  if (command.kind === 'help') process.stdout.write(command.text);
  else await serve(command.config);
} catch (error) {
  fail(error);
}
