import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { findWheel } from '../../scripts/cuda/package-index.ts';

let server: Server | null = null;
afterEach(() => server?.close());

async function indexServing(type: string, body: string): Promise<string> {
  server = createServer((_, response) => response.setHeader('content-type', type).end(body));
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`;
}

const hash = 'a'.repeat(64);
const wheel = 'some_lib-1.2.0-cp311-cp311-manylinux_2_28_x86_64.whl';

describe('findWheel', () => {
  it.each([
    [
      'JSON',
      'application/vnd.pypi.simple.v1+json',
      JSON.stringify({
        files: [
          { filename: wheel.replace('1.2.0', '1.2.1'), url: '/x', hashes: { sha256: hash } },
          { filename: wheel, url: `/files/${wheel}`, hashes: { sha256: hash } },
        ],
      }),
    ],
    ['a page', 'text/html', `<a href="../../files/${wheel}#sha256=${hash}">${wheel}</a>`],
  ])('finds a version for a platform in %s', async (_, type, body) => {
    const index = await indexServing(type, body);
    const found = await findWheel(index, 'some-lib', '1.2.0', '_x86_64.whl');
    expect(found).toMatchObject({ name: wheel, sha256: hash });
    expect(new URL(found.url).pathname).toBe(`/files/${wheel}`);
  });

  it('takes no wheel without a hash', async () => {
    const index = await indexServing('text/html', `<a href="/files/${wheel}">${wheel}</a>`);
    await expect(findWheel(index, 'some-lib', '1.2.0', '_x86_64.whl')).rejects.toThrow(
      /has no wheel some_lib-1\.2\.0-\*_x86_64\.whl/,
    );
  });
});
