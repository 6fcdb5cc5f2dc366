// The real application around a scripted engine, and how tests speak to it.
import type { Hono } from 'hono';
import { createGenerator } from '../../src/generation/generator.ts';
import { createScorer } from '../../src/generation/scorer.ts';
import { createApp } from '../../src/http/app.ts';
import { Drain } from '../../src/http/drain.ts';
import type { Limits } from '../../src/http/limits.ts';
import type { AppEnv } from '../../src/http/request-context.ts';
import { type Completion, completionSchema } from '../../src/http/schema/completion-response.ts';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { wordTokenizer } from '../generation/tokenizers.ts';
import { type ScriptedAnswer, type ScriptedEngine, scriptedEngine } from './scripted-engine.ts';

export const LIMITS: Limits = {
  maxBodyBytes: 4096,
  maxPromptChars: 500,
  maxLogprobs: 5,
  maxN: 4,
  maxBeta: 100,
  maxStopStrings: 4,
  maxStopChars: 256,
  maxTokenIds: 1024,
};

export const PROMPT = 'Wordle:\n';

export interface TestApp extends ScriptedEngine {
  readonly app: Hono<AppEnv>;
  readonly drain: Drain;
  /** Log lines, newest last. */
  readonly log: Record<string, unknown>[];
  complete(body: object, init?: RequestInit): Promise<Response>;
  /** A request that must succeed, and its body checked against the documented shape. */
  answer(body: object): Promise<Completion>;
  metric(line: string): Promise<number | undefined>;
}

export function testApp(
  answers: readonly ScriptedAnswer[],
  options: { queueLimit?: number } = {},
): TestApp {
  const tokenizer = wordTokenizer();
  const scripted = scriptedEngine(tokenizer, answers, options.queueLimit);
  const metrics = createMetrics(scripted.engine);
  const drain = new Drain();
  const log: Record<string, unknown>[] = [];
  const logger = createLogger('info', { write: (line) => log.push(JSON.parse(line)) });
  const app = createApp({
    engine: scripted.engine,
    generator: createGenerator(scripted.engine, tokenizer, metrics),
    scorer: createScorer(scripted.engine, tokenizer, metrics),
    tokenizer,
    metrics,
    logger,
    drain,
    limits: LIMITS,
  });
  async function complete(body: object, init: RequestInit = {}): Promise<Response> {
    return app.request('/v1/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', prompt: PROMPT, ...body }),
      ...init,
    });
  }

  return {
    ...scripted,
    app,
    drain,
    log,
    complete,
    answer: async (body) => completionSchema.strict().parse(await (await complete(body)).json()),
    async metric(line) {
      const text = await (await app.request('/metrics')).text();
      const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
      return found === undefined ? undefined : Number(found.slice(line.length + 1));
    },
  };
}

/** The payloads of a server-sent event stream, in order; the last is usually `[DONE]`. */
export function payloads(stream: string): string[] {
  return stream
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''));
}
