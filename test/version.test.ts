import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}

describe('the version', () => {
  it('is the same in the package, the API description, the manifests and the newest release of the changelog', () => {
    const { version } = JSON.parse(read('package.json'));
    expect(/^## (\d\S*)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(version);
    expect(/^ {2}version: (\S+)/m.exec(read('openapi.yaml'))?.[1]).toBe(version);
    const kustomization = read('scripts/kubernetes/base/kustomization.yaml');
    expect(/newTag: "(\S+)"/.exec(kustomization)?.[1]).toBe(version);
  });
});
