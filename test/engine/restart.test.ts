// A worker that is killed under load, seen by the clients of the whole server.
import type { Worker } from 'node:worker_threads';
import type { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Engine,
  type HealthChange,
  launchWorker,
  startEngine,
} from '../../src/engine/client.ts';
import type { EngineOptions } from '../../src/engine/options.ts';
import { restartDelayMs } from '../../src/engine/supervised-worker.ts';
import { loadTokenizer } from '../../src/generation/tokenizer.ts';
import type { AppEnv } from '../../src/http/request-context.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { appAround } from '../http/app-around.ts';
import { LIMITS } from '../http/test-app.ts';
import { metricsOf } from '../metrics/metrics-of.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';

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

describe('a server whose worker dies', () => {
  const workers: Worker[] = [];
  const changes: HealthChange[] = [];
  let engine: Engine;
  let app: Hono<AppEnv>;

  beforeAll(async () => {
    const launch = (workerData: EngineOptions): Worker => {
      const worker = launchWorker(workerData, builtWorker);
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
    app = appAround(engine, { tokenizer, metrics, limits: LIMITS });
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
      const inFlight = [complete({ n: 4, max_tokens: 60 }), complete({ n: 4, max_tokens: 60 })];
      await eventually('work to be in flight', () => engine.inFlight.waiting > 0);
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
