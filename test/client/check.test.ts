// `qsft-server check`, as a user runs it before the server is started or told to read its files again.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const TINY = ['--model', 'test/fixtures/tiny-policy', '--threads', '1'];
const TLS = 'test/fixtures/tls';

const folder = mkdtempSync(join(tmpdir(), 'qsft-check-'));
const keyFile = join(folder, 'keys');
writeFileSync(
  keyFile,
  'agents inference the-key-of-agents-1\nops admin,inference the-key-of-ops-12\n',
);
afterAll(() => rmSync(folder, { recursive: true }));

interface Checked {
  readonly exitCode: unknown;
  readonly lines: readonly string[];
  readonly warnings: string;
}

function check(flags: readonly string[], variables: Record<string, string> = {}): Promise<Checked> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['dist/main.js', 'check', ...flags],
      { env: variables },
      (error, out, err) => {
        const exitCode = error === null ? 0 : error.code;
        resolve({ exitCode, lines: out.trimEnd().split('\n'), warnings: err });
      },
    );
  });
}

describe('the check of a configuration', () => {
  it('says what would be served, where, to whom', async () => {
    const { exitCode, lines } = await check([
      ...[...TINY, '--alias', 'gpt=tiny', '--api-key-file', keyFile],
      ...['--tls-cert', `${TLS}/first.crt`, '--tls-key', `${TLS}/first.key`],
    ]);
    expect(lines.slice(0, 5)).toEqual([
      'address: 127.0.0.1 is of this machine',
      'keys: agents (inference), ops (admin, inference)',
      expect.stringMatching(/^TLS: DNS:localhost, IP Address:127\.0\.0\.1, until .* 2126 GMT$/),
      'policies: tiny, gpt (another name for tiny)',
      'tiny: can be served',
    ]);
    expect(exitCode).toBe(0);
  });

  it('names every mistake, and repeats no key', async () => {
    writeFileSync(join(folder, 'bad'), 'agents everything the-key-of-agents-1\n');
    const { exitCode, lines } = await check([
      ...[...TINY, '--alias', 'gpt=none', '--host', '203.0.113.1'],
      ...['--api-key-file', join(folder, 'bad')],
      ...['--tls-cert', `${TLS}/first.crt`, '--tls-key', `${TLS}/second.key`],
    ]);
    expect(exitCode).toBe(1);
    expect(lines).toEqual([
      'address: Cannot listen on 203.0.113.1: this machine has no such address (EADDRNOTAVAIL).',
      expect.stringMatching(/^keys: .*bad, line 1: scopes must be of inference and admin\.$/),
      expect.stringMatching(/^TLS: .* cannot be used \(.*\)\.$/),
      'policies: There is no model "none"; this server has "tiny".',
    ]);
  });

  it('names the variables of the environment that set nothing', async () => {
    const { exitCode, warnings } = await check(TINY, { QSFT_QUEUE_LIMITS: '4' });
    expect(warnings).toBe('qsft-server: QSFT_QUEUE_LIMITS is no setting; --help lists them.\n');
    expect(exitCode).toBe(0);
  });
});
