import { describe, expect, it } from 'vitest';
import { PROMPT, type TestAppOptions, testApp } from '../test-app.ts';

const ORIGIN = 'https://app.example';

function preflight(corsOrigin: string | null, origin = ORIGIN) {
  const headers = { origin, 'access-control-request-method': 'POST' };
  return testApp([], { corsOrigin }).app.request('/v1/completions', { method: 'OPTIONS', headers });
}

function allowed(response: Response): string | null {
  return response.headers.get('access-control-allow-origin');
}

describe('pages of other origins', () => {
  it('are not let in unless the server was told of them', async () => {
    expect(allowed(await preflight(null))).toBeNull();
    const { app } = testApp([]);
    expect(allowed(await app.request('/v1/models', { headers: { origin: ORIGIN } }))).toBeNull();
  });

  it('can have nothing done either, where no key keeps them from it', async () => {
    const request = (options: TestAppOptions, origin: string) =>
      testApp([{ tokens: ['s '], end: 'eos' }], options).app.request('/v1/completions', {
        method: 'POST',
        headers: { origin, 'content-type': 'text/plain' },
        body: JSON.stringify({ model: 'tiny', prompt: PROMPT }),
      });
    const refused = await request({}, 'null');
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      error: { type: 'permission_error', code: 'origin_not_allowed' },
    });
    expect((await request({ corsOrigin: 'https://other.example' }, ORIGIN)).status).toBe(403);
    expect((await request({ corsOrigin: ORIGIN }, ORIGIN)).status).toBe(200);
    expect((await request({ corsOrigin: '*' }, ORIGIN)).status).toBe(200);
  });

  it('are let in by their origin, without cookies', async () => {
    const response = await preflight(`https://other.example, ${ORIGIN}`);
    expect([response.status, allowed(response)]).toEqual([204, ORIGIN]);
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    expect(allowed(await preflight(ORIGIN, 'https://evil.example'))).toBeNull();
    expect(allowed(await preflight(ORIGIN, `${ORIGIN}.evil.example`))).toBeNull();
    expect(allowed(await preflight(ORIGIN, 'null'))).toBeNull();
    expect(allowed(await preflight('*', 'https://any.example'))).toBe('*');
  });
});
