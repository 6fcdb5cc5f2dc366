import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { eventually } from '../deadline.ts';
import { PROMPT, type TestApp, testApp } from './test-app.ts';

const ANSWER = { tokens: ['s ', 'h ', 'e\n'], end: 'length' } as const;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

async function serve({ app }: TestApp, stream: boolean): Promise<WeakRef<Request>> {
  const request = new Request('http://localhost/v1/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', prompt: PROMPT, max_tokens: 3, stream }),
    signal: new AbortController().signal,
  });
  const response = await app.request(request);
  expect(response.status).toBe(200);
  await response.text();
  return new WeakRef(request);
}

describe('a request that has been served', () => {
  it.each([false, true])('is garbage, streamed: %s', async (stream) => {
    const requests = 20;
    const app = testApp(Array.from({ length: requests }, () => ANSWER));
    const served: WeakRef<Request>[] = [];
    for (let index = 0; index < requests; index++) served.push(await serve(app, stream));
    await eventually('the requests to be collected', () => {
      collectGarbage();
      // Something on the stack may still hold the last one.
      return served.filter((request) => request.deref() !== undefined).length <= 1;
    });
  });
});
