// A worker that is killed under load, seen by the clients of the whole server.
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Constraints } from '../../src/constraint/client.ts';
import { type Engine, type HealthChange, startEngine } from '../../src/engine/client.ts';
import type { EngineOptions } from '../../src/engine/options.ts';
import { restartDelayMs } from '../../src/engine/supervised-worker.ts';
import { loadTokenizer } from '../../src/generation/tokenizer.ts';
import type { AppEnv } from '../../src/http/request-context.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { appAround } from '../http/app-around.ts';
import { LIMITS } from '../http/test-app.ts';
import { metricsOf } from '../metrics/metrics-of.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';
import { unwrittenMask } from './inputs.ts';

const builtWorker = new URL('../../dist/engine/worker.js', import.meta.url);

const options: EngineOptions = {
  modelFolder: tinyPolicyFolder,
  device: 'cpu',
  libraryPath: null,
  threads: 1,
  maxSequences: 2,
  kvCacheBytes: null,
  maxLength: null,
  prefillChunk: 16,
  prefixCache: 'prompts',
  queueLimit: 200,
  queueTokens: 1_000_000,
};

/** Answers that must be of some form are in flight for as long as their worker lives. */
const neverAnswered: Constraints = {
  open: async (_, count) =>
    Array.from({ length: count }, () => ({ mask: unwrittenMask(), release: () => {} })),
  close: () => Promise.resolve(),
};

/** A worker that begins to load its policy when the gate is open. */
const GATED = `
  const { workerData } = require('node:worker_threads');
  Atomics.wait(workerData.gate, 0, 0);
  import(workerData.file);
`;

describe('a server whose worker dies', () => {
  const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const openGate = () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };
  const workers: Worker[] = [];
  const changes: HealthChange[] = [];
  let engine: Engine;
  let app: Hono<AppEnv>;

  beforeAll(async () => {
    openGate();
    const launch = (own: EngineOptions): Worker => {
      const workerData = { ...own, gate, file: builtWorker.href };
      const worker = new Worker(GATED, { eval: true, workerData, env: SHARE_ENV });
      workers.push(worker);
      return worker;
    };
    engine = await startEngine(options, { launch });
    const metrics = metricsOf(engine);
    engine.onHealth((change) => {
      changes.push(change);
      if (change.healthy) metrics.of('tiny').engineRestarted();
    });
    const tokenizer = await loadTokenizer(tinyPolicyFolder);
    app = appAround(engine, { tokenizer, metrics, limits: LIMITS, constraints: neverAnswered });
  });
  afterAll(() => engine.close());

  async function complete(own: object = {}): Promise<Response> {
    const request = { model: 'tiny', prompt: 'Wordle:\n', max_tokens: 20, seed: 11 };
    return app.request('/v1/completions', {
      method: 'POST',
      body: JSON.stringify({ ...request, ...own }),
    });
  }

  async function answer(): Promise<unknown> {
    const { choices } = (await (await complete()).json()) as { choices: unknown };
    return choices;
  }

  async function readiness(): Promise<number> {
    return (await app.request('/health/ready')).status;
  }

  it.each([1, 2])(
    'fails what was in flight, restarts it and serves again (death %i)',
    async (death) => {
      const before = await answer();
      expect(await readiness()).toBe(200);
      const endless = { n: 4, structured_outputs: { regex: 'a' } };
      const inFlight = [complete(endless), complete(endless)];
      await eventually('work to be in flight', () => engine.inFlight.waiting === 6);
      Atomics.store(gate, 0, 0);
      await workers.at(-1)?.terminate();

      for (const response of await withDeadline('the failures', Promise.all(inFlight))) {
        expect(response.status).toBe(500);
        expect(await response.json()).toMatchObject({
          error: { code: 'engine_failed', message: 'The engine has stopped.' },
        });
      }
      expect(await readiness()).toBe(503);
      const refused = await complete();
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(await refused.json()).toMatchObject({ error: { code: 'engine_restarting' } });

      openGate();
      await eventually('the engine to serve again', async () => (await readiness()) === 200);
      expect(workers).toHaveLength(1 + death);
      expect(await answer()).toEqual(before);
      expect(engine.inFlight).toMatchObject({ waiting: 0, running: 0 });
      expect(await (await app.request('/metrics')).text()).toContain(
        `qsft_engine_restarts_total{model="tiny"} ${death}`,
      );
    },
  );

  it('has told its log why, and how long it waits', () => {
    const cause = expect.objectContaining({ message: expect.stringContaining('exited') });
    expect(changes).toEqual([
      { healthy: false, cause, restartMs: 100 },
      { healthy: true },
      { healthy: false, cause, restartMs: 200 },
      { healthy: true },
    ]);
  });

  it('can be closed while no worker lives', async () => {
    await workers.at(-1)?.terminate();
    await eventually('the death', () => !engine.healthy);
    await withDeadline('the engine to close', engine.close());
    expect(workers).toHaveLength(3);
  });
});

describe('restartDelayMs', () => {
  it('doubles up to half a minute', () => {
    expect([0, 1, 2, 8, 9, 5000].map(restartDelayMs)).toEqual([
      100, 200, 400, 25_600, 30_000, 30_000,
    ]);
  });
});
