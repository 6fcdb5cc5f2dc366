// Traces as a collector gets them: a real one on a local port, which reads OTLP's JSON.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTracing, type Tracing } from '../../src/tracing.ts';
import { withDeadline } from '../deadline.ts';
import type { ScriptedAnswer } from './scripted-engine.ts';
import { PROMPT, type TestApp, type TestAppOptions, testApp } from './test-app.ts';

const ANSWER: ScriptedAnswer = { tokens: ['s ', 'h ', 'e\n'], end: 'length' };
const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly OtlpValue[] };
}
type OtlpAttributes = readonly { readonly key: string; readonly value: OtlpValue }[];
interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly status: { readonly code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: OtlpAttributes;
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string }[];
}
interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpAttributes };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

function plain({ stringValue, intValue, doubleValue, arrayValue }: OtlpValue): unknown {
  if (arrayValue) return arrayValue.values.map(plain);
  return stringValue ?? (intValue === undefined ? doubleValue : Number(intValue));
}

function attributesOf(attributes: OtlpAttributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

describe('a traced request', () => {
  const received: { path: string | undefined; body: OtlpRequest }[] = [];
  let collector: Server;
  let tracing: Tracing;

  beforeEach(async () => {
    received.length = 0;
    collector = createServer(async (request, response) => {
      received.push({ path: request.url, body: (await json(request)) as OtlpRequest });
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    tracing = startTracing(`http://127.0.0.1:${(collector.address() as AddressInfo).port}/`);
  });
  afterEach(() => {
    collector.close();
    collector.closeAllConnections();
  });

  function app(answers: readonly ScriptedAnswer[], options: TestAppOptions = {}): TestApp {
    return testApp(answers, { ...options, tracing });
  }

  async function spans(): Promise<OtlpSpan[]> {
    await withDeadline('the traces to be sent', tracing.close());
    return received.flatMap(({ body }) =>
      body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    );
  }

  it('says what was generated, by the conventions for generative AI, and no text', async () => {
    const { complete, log } = app([ANSWER]);
    const own = { max_tokens: 3, temperature: 0.5, seed: 7, beta: 8 };
    await complete(own, { headers: { 'x-request-id': 'mine-1', traceparent: PARENT } });
    const [span] = await spans();
    expect(received[0]?.path).toBe('/v1/traces');
    expect(
      attributesOf(received[0]?.body.resourceSpans[0]?.resource.attributes ?? []),
    ).toMatchObject({ 'service.name': 'qsft-server' });
    expect(span).toMatchObject({
      name: 'text_completion tiny',
      kind: 2,
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      parentSpanId: '00f067aa0ba902b7',
    });
    expect(attributesOf(span?.attributes ?? [])).toMatchObject({
      'http.response.status_code': 200,
      'qsft.request_id': 'mine-1',
      'gen_ai.operation.name': 'text_completion',
      'gen_ai.provider.name': 'qsft',
      'gen_ai.request.model': 'tiny',
      'gen_ai.request.max_tokens': 3,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.seed': 7,
      'gen_ai.usage.input_tokens': 1,
      'gen_ai.usage.output_tokens': 3,
      'gen_ai.response.finish_reasons': ['length'],
      'qsft.beta': 8,
      'qsft.extraction': 'kl',
    });
    expect(log[0]).toMatchObject({ traceId: span?.traceId });
    expect(JSON.stringify(received)).not.toMatch(/Wordle|s h e/);
  });

  it('has the moments of each answer, in order, within its own', async () => {
    const { complete } = app([ANSWER, ANSWER]);
    await (await complete({ max_tokens: 3, n: 2, stream: true })).text();
    const [span] = await spans();
    const names = span?.events.map(({ name }) => name);
    expect(names).toEqual([
      ...['queued', 'prefill', 'first_token', 'end'],
      ...['queued', 'prefill', 'first_token', 'end'],
    ]);
    const times = span?.events.slice(0, 4).map(({ timeUnixNano }) => BigInt(timeUnixNano)) ?? [];
    const moments = [
      BigInt(span?.startTimeUnixNano ?? 0),
      ...times,
      BigInt(span?.endTimeUnixNano ?? 0),
    ];
    expect([...moments].sort((a, b) => Number(a - b))).toEqual(moments);
  });

  it('says why it failed', async () => {
    const { complete } = app([{ tokens: [], end: 'error' }]);
    await complete({});
    await complete({ max_tokens: -1 });
    const [failed, refused] = await spans();
    expect(failed?.status.code).toBe(2);
    expect(attributesOf(failed?.attributes ?? [])).toMatchObject({ 'error.type': 'engine_failed' });
    expect(refused?.name).toBe('POST /v1/completions');
    expect(attributesOf(refused?.attributes ?? [])).toMatchObject({
      'error.type': 'invalid_request',
      'http.response.status_code': 400,
    });
  });

  it('is not sent where its caller does not sample, and probes never are', async () => {
    const { app: served, complete } = app([ANSWER]);
    await complete({ prompt: PROMPT }, { headers: { traceparent: PARENT.replace(/01$/, '00') } });
    await served.request('/health/live');
    expect(await spans()).toEqual([]);
  });
});
