import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routeAccess } from '../../../src/http/access/guard.ts';
import { testApp } from '../test-app.ts';

const INFERENCE = 'an-inference-key-0123';
const ADMIN = 'an-admin-key-01234567';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
const OPEN = ['/health/live', '/health/ready', '/health/startup', '/health', '/ping'];

let folder: string;
let keyFile: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'qsft-guard-'));
  keyFile = join(folder, 'keys');
  writeFileSync(keyFile, `agent inference ${INFERENCE}\noperator admin ${ADMIN}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function guarded(openMetrics = false) {
  return testApp([{ tokens: [], end: 'eos' }], { keyFile, openMetrics });
}

function bearer(key: string): RequestInit {
  return { headers: { authorization: `Bearer ${key}` } };
}

/** Ways to write a path that a router might take for the same. */
function spellings(path: string): string[] {
  const last = path.at(-1) ?? '';
  const encodedLast = `${path.slice(0, -1)}%${last.charCodeAt(0).toString(16)}`;
  return [
    ...[path, `${path}/`, `${path}//`, `/${path}`, `//${path}`, path.replaceAll('/', '//')],
    ...[path.toUpperCase(), `${path}?key=1`, `${path}#x`, `/.${path}`, `/x/..${path}`, `${path}/.`],
    ...[
      path.replaceAll('/', '%2f').replace('%2f', '/'),
      path.replaceAll('/', '/%2e/'),
      encodedLast,
    ],
    ...[`${path};x=1`, `${path}%00`, `${path}%20`, path.replaceAll('/', '\\').replace('\\', '/')],
    ...[`/health/live/..${path}`, `/health/live/%2e%2e${path}`, `/health/live%2f..${path}`],
  ];
}

/** Whether a client sends one of the open paths: it resolves dots and decodes what is encoded. */
function isProbe(path: string): boolean {
  return OPEN.includes(decodeURIComponent(new URL(`http://host${path}`).pathname));
}

describe('a server with keys', () => {
  it('opens no route but the probes to a request without a key, however its path is written', async () => {
    const { app } = guarded();
    const paths = new Set(app.routes.map(({ path }) => path.replace(':id', 'tiny')));
    expect(paths.size).toBeGreaterThan(10);
    for (const path of paths) {
      const ways = spellings(path.replace('*', 'nowhere')).filter((way) => !isProbe(way));
      for (const [way, method] of ways.flatMap((way) => METHODS.map((m) => [way, m] as const))) {
        const response = await app.request(`http://host${way}`, { method });
        expect([method, way, response.status]).toEqual([method, way, 401]);
      }
    }
  });

  it('opens the probes and nothing else of their paths', async () => {
    const { app } = guarded();
    for (const path of OPEN) {
      expect((await app.request(path)).status).toBe(200);
      expect((await app.request(path, { method: 'HEAD' })).status).toBe(200);
      const posted = (await app.request(path, { method: 'POST' })).status;
      expect(path === '/ping' ? [200] : [401, 405]).toContain(posted);
    }
  });

  it('has an answer to who may use each of its routes', () => {
    const routes = guarded().app.routes.filter(({ method }) => method !== 'ALL');
    const access = Object.fromEntries(routes.map(({ path }) => [path, routeAccess(path)]));
    const adminOnly = Object.keys(access).filter((path) => access[path] === 'admin');
    expect(adminOnly).toEqual(['/admin/reload', '/metrics']);
    expect(routeAccess('/a/route/nobody/listed')).toBe('admin');
  });

  it('tells what is wrong with a key, and how to send one', async () => {
    const { app } = guarded();
    const missing = await app.request('/v1/models');
    expect(missing.status).toBe(401);
    expect(missing.headers.get('www-authenticate')).toBe('Bearer');
    expect(await missing.json()).toEqual({
      error: {
        message: 'This server needs a key: send it as "authorization: Bearer KEY".',
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_api_key',
      },
    });
    const wrong = await (await app.request('/v1/models', bearer(`${INFERENCE}x`))).json();
    expect(wrong).toMatchObject({ error: { code: 'invalid_api_key' } });
    expect(JSON.stringify(wrong)).not.toContain(INFERENCE);
  });

  it('keeps scopes apart: metrics are for admins, answers for inference, models for both', async () => {
    const { app, complete } = guarded();
    const status = async (path: string, key: string) =>
      (await app.request(path, bearer(key))).status;
    expect(await status('/metrics', INFERENCE)).toBe(403);
    expect(await status('/metrics', ADMIN)).toBe(200);
    expect(await status('/v1/models', INFERENCE)).toBe(200);
    expect(await status('/v1/models', ADMIN)).toBe(200);
    expect(await status('/nowhere', INFERENCE)).toBe(404);
    expect((await complete({}, bearer(INFERENCE))).status).toBe(200);
    const refused = await complete({}, bearer(ADMIN));
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      error: { type: 'permission_error', code: 'insufficient_scope' },
    });
  });

  it('can leave the metrics open', async () => {
    const { app } = guarded(true);
    expect((await app.request('/metrics')).status).toBe(200);
    expect((await app.request('/v1/models')).status).toBe(401);
  });

  it("names the key in the log, never the key itself, and keeps its cache from other keys'", async () => {
    const { complete, log, submitted } = guarded();
    await complete({}, bearer(INFERENCE));
    expect(log.at(-1)).toMatchObject({ key: 'agent', status: 200 });
    expect(JSON.stringify(log)).not.toContain(INFERENCE);
    expect(submitted[0]?.cacheScope).toBe('["agent",null]');
  });
});
