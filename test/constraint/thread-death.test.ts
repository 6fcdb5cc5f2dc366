// A grammar thread that is killed under load, seen by the clients of the whole server.
import type { Worker } from 'node:worker_threads';
import type { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Constraints, createConstraints } from '../../src/constraint/client.ts';
import { type Engine, launchWorker, startEngine } from '../../src/engine/client.ts';
import type { EngineOptions } from '../../src/engine/options.ts';
import { grammarVocabulary } from '../../src/generation/grammar-vocabulary.ts';
import { loadTokenizer } from '../../src/generation/tokenizer.ts';
import type { AppEnv } from '../../src/http/request-context.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { sequenceInput, unwrittenMask } from '../engine/inputs.ts';
import { appAround } from '../http/app-around.ts';
import { LIMITS } from '../http/test-app.ts';
import { metricsOf } from '../metrics/metrics-of.ts';
import { jsonPolicy } from '../policy/json-policy.ts';
import { launchBuilt } from './writer.ts';

const ANSWERS = 90;
const REGEX = '[a-z]{50}';

const policy = jsonPolicy();
const grammarThreads: Worker[] = [];
let engine: Engine;
let constraints: Constraints;
let app: Hono<AppEnv>;

beforeAll(async () => {
  const options = {
    ...{ modelFolder: policy.folder, device: 'cpu', libraryPath: null, threads: 1 },
    ...{ maxSequences: 2, kvCacheBytes: null, maxLength: null, prefillChunk: 16 },
    ...{ prefixCache: 'prompts' as const, queueLimit: 200, queueTokens: 1_000_000 },
  };
  const launch = (workerData: EngineOptions) =>
    launchWorker(workerData, new URL('../../dist/engine/worker.js', import.meta.url));
  engine = await startEngine(options, { launch });
  const metrics = metricsOf(engine);
  const tokenizer = await loadTokenizer(policy.folder);
  constraints = createConstraints(
    {
      vocabulary: grammarVocabulary(tokenizer.definition, engine.manifest),
      compileTimeoutMs: 10_000,
      queueLimit: 1,
      onChange: (change) => metrics.of(engine.manifest.id).constrainedAnswers(change),
    },
    (data) => {
      const thread = launchBuilt(data);
      grammarThreads.push(thread);
      return thread;
    },
  );
  const limits = { ...LIMITS, maxN: ANSWERS };
  app = appAround(engine, { tokenizer, metrics, constraints, limits });
});
afterAll(async () => {
  await Promise.all([engine?.close(), constraints?.close()]);
  policy.remove();
});

async function complete(own: object): Promise<Response> {
  return app.request('/v1/completions', {
    method: 'POST',
    body: JSON.stringify({ model: 'tiny', prompt: 'a', max_tokens: 55, seed: 1, ...own }),
  });
}

async function constrainedAnswers(): Promise<string | undefined> {
  const text = await (await app.request('/metrics')).text();
  return /^qsft_constrained_answers\{.*\} (.*)$/m.exec(text)?.[1];
}

describe('a server whose grammar threads die', () => {
  it('fails the answers that followed them, finishes all others and serves the next', async () => {
    // Each step waits a while for the mask of this one: answers by the hundred take longer than any pause of this test.
    const slowing = new AbortController();
    engine.generate([sequenceInput({ mask: unwrittenMask() })], slowing.signal);
    const following = complete({ structured_outputs: { regex: REGEX }, n: ANSWERS });
    await eventually('answers that follow', () => engine.inFlight.waiting > 0);
    const free = complete({ n: ANSWERS });
    await Promise.all(grammarThreads.map((thread) => thread.terminate()));
    slowing.abort();

    const failed = await withDeadline('the failure', following);
    expect(failed.status).toBe(500);
    expect(await failed.json()).toMatchObject({
      error: { code: 'engine_failed', message: expect.stringContaining('grammar') },
    });
    const { choices } = (await (await withDeadline('the others', free)).json()) as {
      choices: unknown[];
    };
    expect(choices).toHaveLength(ANSWERS);

    await eventually('the end of the failed', () => engine.inFlight.running === 0);
    expect(await constrainedAnswers()).toBe('0');
    const next = await withDeadline('the next', complete({ structured_outputs: { regex: REGEX } }));
    expect(await next.json()).toMatchObject({
      choices: [{ text: expect.stringMatching(new RegExp(`^${REGEX}$`)) }],
    });
    expect(grammarThreads).toHaveLength(3);
    expect(await constrainedAnswers()).toBe('0');
  });
});
