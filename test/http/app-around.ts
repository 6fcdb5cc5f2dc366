// The real application around one policy's real engine, in this process: a test keeps its hand on the threads.
import type { Hono } from 'hono';
import { type Constraints, createConstraints } from '../../src/constraint/client.ts';
import type { Engine } from '../../src/engine/client.ts';
import { createChat } from '../../src/generation/chat.ts';
import { createGenerator } from '../../src/generation/generator.ts';
import { createScorer } from '../../src/generation/scorer.ts';
import { loadTokenizer } from '../../src/generation/tokenizer.ts';
import { KeyRing } from '../../src/http/access/key-ring.ts';
import { createApp } from '../../src/http/app.ts';
import { Drain } from '../../src/http/drain.ts';
import type { Limits } from '../../src/http/limits.ts';
import type { AppEnv } from '../../src/http/request-context.ts';
import { createLogger } from '../../src/log.ts';
import type { Metrics } from '../../src/metrics.ts';
import { loadedCatalog } from '../catalog/loaded-catalog.ts';
import { LIMITS } from './test-app.ts';

export interface Around {
  readonly folder: string;
  readonly metrics: Metrics;
  /** Left out, answers cannot be constrained. */
  readonly constraints?: Constraints;
  readonly limits?: Partial<Limits>;
}

export async function appAround(
  engine: Engine,
  { folder, metrics, constraints = unconstrained(), ...options }: Around,
): Promise<Hono<AppEnv>> {
  const limits = { ...LIMITS, ...options.limits };
  const tokenizer = await loadTokenizer(folder);
  const generator = createGenerator(engine, tokenizer, metrics, constraints);
  const scorer = createScorer(engine, tokenizer, metrics);
  const chat = createChat(generator, tokenizer, {
    template: null,
    toolParser: 'auto',
    stopStrings: [],
    maxPromptChars: limits.maxPromptChars,
  });
  const close = () => engine.close();
  return createApp({
    catalog: loadedCatalog({ engine, close, scorer, tokenizer, generator, chat }),
    metrics,
    logger: createLogger('silent'),
    drain: new Drain(),
    limits,
    tracing: null,
    access: {
      keys: new KeyRing({ file: null, key: null }),
      openMetrics: false,
      corsOrigin: null,
    },
  });
}

function unconstrained(): Constraints {
  return createConstraints({
    vocabulary: null,
    compileTimeoutMs: 1000,
    queueLimit: 1,
    onChange: () => {},
  });
}
