import { describe, expect, it } from 'vitest';
import { eventually, withDeadline } from '../deadline.ts';
import { PROMPT, payloads, testApp } from './test-app.ts';

const ENDLESS = { tokens: ['s ', 'h '], end: 'hang' } as const;

describe('the time a request may take', () => {
  it.each([
    ['in its body', { timeout: 0.02 }, {}],
    ['in a header', {}, { 'x-request-timeout': '0.02' }],
    ['in both, of which the lower counts', { timeout: 500 }, { 'x-request-timeout': '0.02' }],
  ])('ends it with an error when it says so %s', async (_, body, headers) => {
    const { complete, cancelled, engine, submitted } = testApp([ENDLESS]);
    const response = await withDeadline('the answer', complete(body, { headers }));
    expect(response.status).toBe(504);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toEqual({
      error: {
        message: 'The request took longer than its 0.02 seconds.',
        type: 'server_error',
        param: null,
        code: 'deadline_exceeded',
      },
    });
    await eventually('the slot to be free', () => engine.inFlight.running === 0);
    expect(cancelled()).toBe(submitted.length);
  });

  it('ends a stream with an event that says so, and no end', async () => {
    const { complete, engine } = testApp([ENDLESS]);
    const response = await complete({ timeout: 1, stream: true });
    const events = payloads(await withDeadline('the stream', response.text()));
    expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ error: { code: 'deadline_exceeded' } });
    expect(events.length).toBeGreaterThan(1);
    await eventually('the slot to be free', () => engine.inFlight.running === 0);
  });

  it.each(['/v1/chat/completions', '/v1/responses', '/v1/score'])('counts for %s', async (path) => {
    const template = '{{ messages[0].content }}';
    const { app, engine } = testApp([ENDLESS], { template });
    const bodies: Record<string, object> = {
      '/v1/chat/completions': { messages: [{ role: 'user', content: PROMPT }] },
      '/v1/responses': { input: PROMPT },
      '/v1/score': { prompt: PROMPT, continuations: ['s '] },
    };
    const body = JSON.stringify({ model: 'tiny', timeout: 0.02, ...bodies[path] });
    const sent = app.request(path, { method: 'POST', body });
    const response = await withDeadline('the answer', Promise.resolve(sent));
    expect([response.status, await response.text()]).toEqual([
      504,
      expect.stringContaining('deadline_exceeded'),
    ]);
    await eventually('the slot to be free', () => engine.inFlight.running === 0);
  });

  it('is at most what the server allows, also where nothing is said', async () => {
    const { complete } = testApp([ENDLESS], { limits: { maxRequestSeconds: 0.03 } });
    const response = await withDeadline('the answer', complete({}));
    expect(await response.json()).toMatchObject({
      error: { message: 'The request took longer than its 0.03 seconds.' },
    });
    const longer = await complete({ timeout: 1 });
    expect(await longer.json()).toMatchObject({
      error: {
        message: 'timeout must be a number above 0 and at most 0.03; 1 was given.',
        param: 'timeout',
      },
    });
  });

  it.each(['0', '-1', '1e9', 'NaN', 'soon', '601', ''])(
    'is refused where the header says %j',
    async (value) => {
      const { complete } = testApp([ENDLESS]);
      const response = await complete({}, { headers: { 'x-request-timeout': value } });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { param: 'x-request-timeout' } });
    },
  );
});
