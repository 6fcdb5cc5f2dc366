// The real application around an engine, in this process: a test keeps its hand on what is behind it.
import type { Hono } from 'hono';
import { type Constraints, createConstraints } from '../../src/constraint/client.ts';
import type { Engine } from '../../src/engine/client.ts';
import { type ChatOptions, createChat } from '../../src/generation/chat.ts';
import { createGenerator } from '../../src/generation/generator.ts';
import { createScorer } from '../../src/generation/scorer.ts';
import type { LocalTokenizer } from '../../src/generation/tokenizer.ts';
import type { AccessOptions } from '../../src/http/access/guard.ts';
import { KeyRing } from '../../src/http/access/key-ring.ts';
import { type AppServices, createApp } from '../../src/http/app.ts';
import { Drain } from '../../src/http/drain.ts';
import type { AppEnv } from '../../src/http/request-context.ts';
import { createLogger } from '../../src/log.ts';
import { loadedCatalog } from '../catalog/loaded-catalog.ts';
import { FORMAT_LIMITS, TEMPLATE_LIMITS } from '../generation/limits.ts';

/** Whatever may be left out is then as in a server that was told nothing. */
export interface Around
  extends Pick<AppServices, 'metrics' | 'limits'>,
    Partial<Pick<AppServices, 'logger' | 'drain' | 'tracing'>> {
  readonly tokenizer: LocalTokenizer;
  /** Left out, answers cannot be constrained. */
  readonly constraints?: Constraints;
  readonly chat?: Partial<ChatOptions>;
  readonly access?: Partial<AccessOptions>;
}

export function appAround(engine: Engine, around: Around): Hono<AppEnv> {
  const { tokenizer, metrics, limits, constraints = unconstrained() } = around;
  const observer = metrics.of(engine.manifest.id);
  const generator = createGenerator(engine, tokenizer, observer, constraints, FORMAT_LIMITS);
  const scorer = createScorer(engine, tokenizer, observer);
  const chat = createChat(generator, tokenizer, {
    template: null,
    toolParser: 'auto',
    stopStrings: [],
    maxPromptChars: limits.maxPromptChars,
    maxLength: engine.model.maxLength,
    templateLimits: TEMPLATE_LIMITS,
    formatLimits: FORMAT_LIMITS,
    ...around.chat,
  });
  const close = () => engine.close();
  return createApp({
    catalog: loadedCatalog({ engine, close, scorer, tokenizer, generator, chat }),
    metrics,
    logger: around.logger ?? createLogger('silent'),
    drain: around.drain ?? new Drain(),
    limits,
    tracing: around.tracing ?? null,
    access: {
      keys: new KeyRing({ file: null, key: null }),
      openMetrics: false,
      corsOrigin: null,
      ...around.access,
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
