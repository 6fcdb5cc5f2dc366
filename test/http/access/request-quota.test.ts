import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deadline.ts';
import { PROMPT, testApp } from '../test-app.ts';

const KEYS = { a: 'key-of-a-0123456789', b: 'key-of-b-0123456789' };
const folder = mkdtempSync(join(tmpdir(), 'qsft-quota-'));
const keyFile = join(folder, 'keys');
writeFileSync(
  keyFile,
  Object.entries(KEYS)
    .map(([name, key]) => `${name} inference ${key}\n`)
    .join(''),
);
afterAll(() => rmSync(folder, { recursive: true }));

function appWithQuota(keyRequests: number) {
  const served = testApp([{ tokens: ['s '], end: 'hang' }], { keyFile, limits: { keyRequests } });
  const post = (caller: keyof typeof KEYS, path: string, body: object, signal?: AbortSignal) =>
    served.app.request(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS[caller]}` },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
  return { ...served, post };
}

describe('the quota of requests', () => {
  it("counts a key's requests on every route, until each has ended, and no other key's", async () => {
    const { post, engine } = appWithQuota(2);
    const body = { model: 'tiny', prompt: PROMPT };
    const leave = new AbortController();
    const whole = post('a', '/v1/completions', body, leave.signal);
    await post('a', '/v1/completions', { ...body, stream: true }, leave.signal);
    await eventually('both to run', () => engine.inFlight.running === 2);
    const refused = await post('a', '/tokenize', body);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'rate_limit_exceeded',
        message: 'The key "a" has 2 requests in flight, and the limit is 2.',
      },
    });
    expect((await post('b', '/tokenize', body)).status).toBe(200);
    leave.abort();
    await whole;
    await eventually('both to end', () => engine.inFlight.running === 0);
    expect((await post('a', '/tokenize', body)).status).toBe(200);
  });

  it('gives back what a request that failed had taken', async () => {
    const { post } = appWithQuota(1);
    for (let count = 0; count < 3; count += 1) {
      expect((await post('a', '/v1/completions', { model: 'another' })).status).toBe(400);
    }
  });

  it('is none where it is 0', async () => {
    const { post } = appWithQuota(0);
    const answers = Array.from({ length: 5 }, () => post('a', '/tokenize', { prompt: PROMPT }));
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
  });
});
