import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { openApiYaml } from '../../scripts/openapi.ts';
import { testApp } from './test-app.ts';

async function projectFile(name: string): Promise<string> {
  return readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
}

describe('openapi.yaml', () => {
  it('is what the schemas say today (npm run openapi writes it)', async () => {
    expect(await projectFile('openapi.yaml')).toBe(openApiYaml());
  });

  it('describes every route the application has', () => {
    const { app } = testApp([]);
    const served = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replace(':id', '{id}')}`);
    const paths: Record<string, object> = parse(openApiYaml()).paths;
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect([...new Set(served)].sort()).toEqual(described.sort());
  });

  it('is served with the limits of the running server', async () => {
    const { app } = testApp([]);
    const document = parse(await (await app.request('/openapi.json')).text());
    const { n } = document.components.schemas.CompletionRequest.properties;
    expect(n.anyOf[0]).toMatchObject({ type: 'integer', minimum: 1, maximum: 4 });
  });
});
