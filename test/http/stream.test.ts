import { describe, expect, it } from 'vitest';
import { completionChunkSchema } from '../../src/http/schema/completion-response.ts';
import { eventually, withDeadline } from '../deadline.ts';
import type { ScriptedAnswer } from './scripted-engine.ts';
import { PROMPT, payloads, testApp } from './test-app.ts';

const SHIRE: ScriptedAnswer = { tokens: ['s ', 'h ', 'e\n'], end: 'length' };
const ENDLESS: ScriptedAnswer = { tokens: ['s '], end: 'hang' };

async function chunksOf(response: Response) {
  const events = payloads(await response.text());
  expect(events.pop()).toBe('[DONE]');
  return events.map((event) => completionChunkSchema.strict().parse(JSON.parse(event)));
}

describe('a stream of /v1/completions', () => {
  it('ends with a chunk that has both text and the finish reason', async () => {
    const { complete } = testApp([SHIRE]);
    const response = await complete({ stream: true, max_tokens: 3 });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const chunks = await chunksOf(response);
    expect(chunks.map(({ choices }) => [choices[0]?.text, choices[0]?.finish_reason])).toEqual([
      ['s ', null],
      ['h ', null],
      ['e\n', 'length'],
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
  });

  it('adds a chunk with the usage when asked to', async () => {
    const { complete } = testApp([SHIRE]);
    const options = { stream: true, max_tokens: 3, stream_options: { include_usage: true } };
    const chunks = await chunksOf(await complete(options));
    const last = chunks.pop();
    expect(last).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 },
    });
    expect(chunks.every(({ usage }) => usage === null)).toBe(true);
  });

  it('begins with the echoed prompt in a chunk of its own', async () => {
    const { complete } = testApp([SHIRE]);
    const chunks = await chunksOf(await complete({ stream: true, max_tokens: 3, echo: true }));
    expect(chunks.map(({ choices }) => choices[0]?.text)).toEqual([PROMPT, 's ', 'h ', 'e\n']);
  });

  it('interleaves the answers of n, each ending once', async () => {
    const { complete } = testApp([SHIRE, { tokens: ['a '], end: 'eos' }]);
    const chunks = await chunksOf(await complete({ stream: true, max_tokens: 3, n: 2 }));
    const ends = chunks.flatMap(({ choices }) =>
      choices.filter((choice) => choice.finish_reason !== null),
    );
    expect(ends.map(({ index, finish_reason }) => [index, finish_reason]).sort()).toEqual([
      [0, 'length'],
      [1, 'stop'],
    ]);
  });

  it('reports a failure as an error event and does not say it is done', async () => {
    const { complete, log, metric } = testApp([{ tokens: ['s '], end: 'error' }]);
    const response = await complete({ stream: true });
    expect(response.status).toBe(200);
    const events = payloads(await response.text());
    expect(JSON.parse(events.at(-1) ?? '')).toEqual({
      error: {
        message: 'The script says so.',
        type: 'server_error',
        param: null,
        code: 'engine_failed',
      },
    });
    expect(log.find((line) => line.msg === 'request')).toMatchObject({ error: 'engine_failed' });
    expect(await metric('qsft_rejected_total{reason="engine_failed"}')).toBe(1);
  });

  it('cancels the sequences when its client leaves', async () => {
    const { complete, engine, cancelled, drain } = testApp([ENDLESS]);
    const response = await complete({ stream: true, n: 2, max_tokens: 9 });
    const reader = response.body?.getReader();
    await withDeadline('the first chunk', reader?.read() ?? Promise.reject());
    expect(engine.inFlight.running).toBe(2);
    await withDeadline('the stream to be left', reader?.cancel() ?? Promise.reject());
    await eventually('both sequences to be cancelled', () => cancelled() === 2);
    await withDeadline('the request to be over', drain.drain(60_000));
  });

  it('cancels the sequence of a whole answer when its client leaves', async () => {
    const { complete, engine, cancelled } = testApp([ENDLESS]);
    const client = new AbortController();
    const response = complete({ max_tokens: 9 }, { signal: client.signal });
    await eventually('the sequence to run', () => engine.inFlight.running === 1);
    client.abort();
    expect((await withDeadline('the answer', response)).status).toBe(499);
    expect(cancelled()).toBe(1);
  });
});

describe('draining', () => {
  it('refuses new work, says it is not ready and lets running work finish', async () => {
    const { app, complete, drain } = testApp([SHIRE]);
    const running = await complete({ stream: true, max_tokens: 3 });
    const drained = drain.drain(60_000);
    const refused = await complete({});
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await app.request('/health/ready')).status).toBe(503);
    expect((await app.request('/health/live')).status).toBe(200);
    expect(await chunksOf(running)).toHaveLength(3);
    await withDeadline('the drain', drained);
  });

  it('cuts running work short at the deadline, with an error', async () => {
    const { complete, drain } = testApp([ENDLESS]);
    const text = (await complete({ stream: true, max_tokens: 9 })).text();
    await withDeadline('the drain', drain.drain(20));
    const events = payloads(await withDeadline('the stream to end', text));
    expect(JSON.parse(events.at(-1) ?? '').error.code).toBe('shutting_down');
  });
});
