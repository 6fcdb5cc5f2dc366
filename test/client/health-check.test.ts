// The program that containers ask whether the server beside it is ready.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import { withDeadline } from '../deadline.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/health-check.js', import.meta.url));
const TINY = ['--model', 'test/fixtures/tiny-policy', '--threads', '1'];
const TLS = { cert: 'test/fixtures/tls/first.crt', key: 'test/fixtures/tls/first.key' };

let server: ServerProcess | undefined;
afterEach(() => server?.stop('SIGKILL'));

async function check(environment: Record<string, string>): Promise<unknown> {
  const child = spawn(process.execPath, [PROGRAM], { env: environment, stdio: 'ignore' });
  const [code] = await withDeadline('the check', once(child, 'exit'));
  return code;
}

describe('the health check', () => {
  it.each([
    ['http', []],
    ['https', ['--tls-cert', TLS.cert, '--tls-key', TLS.key]],
  ])(
    'passes while a server that speaks %s is ready, and fails without it',
    async (scheme, flags) => {
      server = await startServerProcess([...TINY, ...flags]);
      const { protocol, port } = new URL(server.url);
      expect(protocol).toBe(`${scheme}:`);
      expect(await check({ QSFT_PORT: port })).toBe(0);
      await server.stop();
      expect(await check({ QSFT_PORT: port })).toBe(1);
    },
  );
});
