// The real application around a scripted engine, and how tests speak to it.
import type { Hono } from 'hono';
import type { Constraints } from '../../src/constraint/client.ts';
import type { TextFormat } from '../../src/constraint/text-format.ts';
import type { ChatOptions } from '../../src/generation/chat.ts';
import { createChatTemplate } from '../../src/generation/chat-template.ts';
import type { LocalTokenizer } from '../../src/generation/tokenizer.ts';
import { KeyRing } from '../../src/http/access/key-ring.ts';
import { Drain } from '../../src/http/drain.ts';
import type { Limits } from '../../src/http/limits.ts';
import type { AppEnv } from '../../src/http/request-context.ts';
import { type Completion, completionSchema } from '../../src/http/schema/completion-response.ts';
import { createLogger } from '../../src/log.ts';
import type { Tracing } from '../../src/tracing.ts';
import { MAX_TEMPLATE_CHARS } from '../generation/limits.ts';
import { wordTokenizer } from '../generation/tokenizers.ts';
import { metricsOf } from '../metrics/metrics-of.ts';
import { appAround } from './app-around.ts';
import { type Script, type ScriptedEngine, scriptedEngine } from './scripted-engine.ts';

export const LIMITS: Limits = {
  maxBodyBytes: 4096,
  maxBodyValues: 2000,
  keyRequests: 0,
  maxRequestSeconds: 600,
  streamBufferBytes: 65_536,
  slowReaderMs: 5000,
  maxPromptChars: 500,
  maxMessages: 2048,
  maxTools: 128,
  maxLogprobs: 5,
  maxN: 4,
  maxBeta: 100,
  maxStopStrings: 4,
  maxStopChars: 256,
  maxTokenIds: 1024,
  maxGrammarChars: 2000,
  maxNesting: 64,
  maxTemplateVariables: 16,
};

export const PROMPT = 'Wordle:\n';

export interface TestApp extends ScriptedEngine {
  readonly app: Hono<AppEnv>;
  readonly drain: Drain;
  /** Log lines, newest last. */
  readonly log: Record<string, unknown>[];
  /** What texts were asked to be, in order. */
  readonly formats: readonly TextFormat[];
  complete(body: object, init?: RequestInit): Promise<Response>;
  /** A request that must succeed, and its body checked against the documented shape. */
  answer(body: object): Promise<Completion>;
  metric(line: string): Promise<number | undefined>;
}

export interface TestAppOptions {
  readonly queueLimit?: number;
  readonly maxLength?: number;
  readonly tokenizer?: LocalTokenizer;
  /** Null, like leaving it out, is a policy that only continues text. */
  readonly template?: string | null;
  readonly toolParser?: ChatOptions['toolParser'];
  readonly stopStrings?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly tracing?: Tracing;
  /** Null, like leaving it out, lets everyone in. */
  readonly keyFile?: string | null;
  readonly openMetrics?: boolean;
  readonly corsOrigin?: string | null;
}

export function testApp(answers: Script, options: TestAppOptions = {}): TestApp {
  const tokenizer = options.tokenizer ?? wordTokenizer();
  const { queueLimit, maxLength, template = null, toolParser = 'auto' } = options;
  const limits = { ...LIMITS, ...options.limits };
  const scripted = scriptedEngine(tokenizer, answers, queueLimit, maxLength);
  const metrics = metricsOf(scripted.engine);
  const drain = new Drain();
  const formats: TextFormat[] = [];
  const log: Record<string, unknown>[] = [];
  const logger = createLogger('info', { write: (line) => log.push(JSON.parse(line)) });
  const app = appAround(scripted.engine, {
    tokenizer,
    metrics,
    constraints: recordingConstraints(formats),
    chat: {
      template: template === null ? null : createChatTemplate(template, {}, MAX_TEMPLATE_CHARS),
      toolParser,
      stopStrings: options.stopStrings ?? [],
    },
    logger,
    drain,
    limits,
    tracing: options.tracing ?? null,
    access: {
      keys: new KeyRing({ file: options.keyFile ?? null, key: null }),
      openMetrics: options.openMetrics ?? false,
      corsOrigin: options.corsOrigin ?? null,
    },
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
    formats,
    complete,
    answer: async (body) => completionSchema.strict().parse(await (await complete(body)).json()),
    async metric(line) {
      const text = await (await app.request('/metrics')).text();
      const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
      return found === undefined ? undefined : Number(found.slice(line.length + 1));
    },
  };
}

/** Takes every format, and constrains nothing: the script says what is drawn. */
function recordingConstraints(formats: TextFormat[]): Constraints {
  return {
    async open(format, count) {
      formats.push(format);
      const memory = () => new SharedArrayBuffer(4);
      const mask = { board: memory(), doorbell: memory(), timeoutMs: 1000 };
      return Array.from({ length: count }, () => ({ mask, release: () => {} }));
    },
    close: () => Promise.resolve(),
  };
}

/** The payloads of a server-sent event stream, in order; the last is usually `[DONE]`. */
export function payloads(stream: string): string[] {
  return stream
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''));
}
