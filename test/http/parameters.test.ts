// The page that compares parameters names every one the API takes.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/http/openapi-document.ts';
import { LIMITS } from './test-app.ts';

const PAGE = new URL('../../src/http/README.md', import.meta.url);

interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, { properties: object }>> };
}

describe.runIf(existsSync(PAGE))('the page of parameters', () => {
  it.each(['CompletionRequest', 'ChatCompletionRequest', 'ResponseRequest'])(
    'names all of %s',
    (name) => {
      const page = readFileSync(PAGE, 'utf8');
      const { schemas } = (openApiDocument(LIMITS) as Document).components;
      const fields = Object.keys(schemas[name]?.properties ?? {});
      expect(fields.length).toBeGreaterThan(30);
      expect(fields.filter((field) => !page.includes(`\`${field}`))).toEqual([]);
    },
  );
});
