import { describe, expect, it } from 'vitest';
import { ConfigError, readCommandLine } from '../../src/config/command-line.ts';
import { settingsTable } from '../../src/config/describe-settings.ts';
import type { Config } from '../../src/config/settings.ts';
import { VERSION } from '../../src/version.ts';

function config(args: string[], environment: Record<string, string> = {}): Config {
  const command = readCommandLine(args, environment);
  if (command.kind !== 'serve') throw new Error('expected a configuration');
  return command.config;
}

describe('readCommandLine', () => {
  it('serves the bundled policy on the loopback address by default', () => {
    expect(config([])).toMatchObject({ host: '127.0.0.1', port: 8000, device: 'cpu' });
    expect(config([]).model).toEqual([expect.stringMatching(/\/models\/wordle$/)]);
  });

  it('reads flags and the environment, and the flag wins', () => {
    const environment = { QSFT_PORT: '9000', QSFT_QUEUE_LIMIT: '300' };
    expect(config(['--port', '9001'], environment)).toMatchObject({ port: 9001, queueLimit: 300 });
  });

  it('reads several policies and aliases from repeated flags, or from a list with commas', () => {
    expect(config(['--model', 'a', '--model', 'b', '--alias', 'x=a'])).toMatchObject({
      model: ['a', 'b'],
      alias: ['x=a'],
    });
    expect(config([], { QSFT_MODEL: 'a,b' }).model).toEqual(['a', 'b']);
  });

  it('names the variables that no setting has, which are most likely misspelt', () => {
    const environment = { QSFT_PORTT: '9000', QSFT_PORT: '9000', QSFTX: '', HOME: '/root' };
    expect(readCommandLine([], environment)).toMatchObject({ unknownVariables: ['QSFT_PORTT'] });
  });

  it('knows its version', () => {
    expect(readCommandLine(['--version'], {})).toEqual({ kind: 'tell', text: `${VERSION}\n` });
  });

  it('knows the command that only checks', () => {
    expect(readCommandLine(['check', '--model', 'a'], {})).toMatchObject({
      kind: 'check',
      config: { model: ['a'] },
    });
  });

  it.each([
    ['1048576', 1_048_576],
    ['512KiB', 524_288],
    ['2GiB', 2_147_483_648],
    ['3 MiB', 3_145_728],
  ])('reads %s as a number of bytes', (text, bytes) => {
    expect(config(['--kv-cache-memory', text]).kvCacheMemory).toBe(bytes);
  });

  it.each([
    [['--kv-cache-memory', '2GB'], {}, 'takes bytes, such as 512MiB or 2GiB; "2GB" was given.'],
    [['--kv-cache-memory', '0'], {}, '--kv-cache-memory takes bytes'],
    [['--port', '99999'], {}, '--port takes 0 to 65535; "99999" was given.'],
    [['--alias', 'x'], {}, '--alias takes name=id; "x" was given.'],
    [['--port=-1'], {}, '--port takes 0 to 65535; "-1" was given.'],
    [['--max-beta', '1e400'], {}, '--max-beta takes 0 to 1000000; "1e400" was given.'],
    [[], { QSFT_THREADS: 'many' }, 'QSFT_THREADS takes 0 to 1024; "many" was given.'],
    [['--device', 'tpu'], {}, '--device takes cpu, cuda, cuda:N; "tpu" was given.'],
    [['--log-level', 'loud'], {}, '--log-level takes silent'],
    [['--prot', '1'], {}, "Unknown option '--prot'; --help lists the flags."],
    [['--port'], {}, "Option '--port <value>' argument missing; --help lists the flags."],
    [['--port', '-1'], {}, "Option '--port' argument is ambiguous; --help lists the flags."],
    [['--model', ''], {}, '--model takes a folder; "" was given.'],
    [['extra'], {}, 'extra'],
    [
      ['--host', '0.0.0.0'],
      {},
      'host is 0.0.0.0, which others can reach, and there are no API keys',
    ],
    [['--tls-cert', 'cert.pem'], {}, 'tls-cert and tls-key go together'],
    [['--host', '::'], {}, 'there are no API keys'],
    [['--host', '127.0.0.1.example'], {}, 'there are no API keys'],
    [['--api-key', 'on-the-command-line'], {}, "Unknown option '--api-key'"],
    [['--queue-limit', '4'], {}, 'max-n (128) must not exceed queue-limit (4)'],
  ])('refuses %j with %j in one sentence', (args, environment, message) => {
    expect(() => config(args, environment)).toThrow(ConfigError);
    expect(() => config(args, environment)).toThrow(message);
  });

  it.each([
    [['--host', '0.0.0.0', '--allow-unauthenticated', 'on'], {}],
    [['--host', '0.0.0.0', '--api-key-file', 'keys.txt'], {}],
    [['--host', '::'], { QSFT_API_KEY: 'a-key-of-some-length' }],
    [['--host', 'localhost'], {}],
    [['--host', '::1'], {}],
  ])('lets %j with %j listen', (args, environment) => {
    expect(config(args, environment).host).toBe(args[1]);
  });

  it('explains every setting in its help and in the table for the README', () => {
    const command = readCommandLine(['--help'], {});
    const help = command.kind === 'tell' ? command.text : '';
    const names = [...settingsTable().matchAll(/(?:`(--[a-z-]+)`|–) \| `(QSFT_[A-Z_]+)`/g)];
    expect(names).toHaveLength(Object.keys(config([])).length);
    for (const [, flag, variable] of names) {
      expect(help).toContain(flag === undefined ? `  ${variable}\n` : `  ${flag} (${variable})`);
    }
  });

  it('takes the collector from its own flag and variable first, then from the standard one', () => {
    const endpoint = (args: string[], environment: Record<string, string>) => {
      const command = readCommandLine(args, environment);
      return command.kind === 'tell' ? undefined : command.config.otlpEndpoint;
    };
    const standard = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://standard:4318' };
    expect(endpoint([], {})).toBeNull();
    expect(endpoint([], { OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBeNull();
    expect(endpoint([], standard)).toBe('http://standard:4318');
    expect(endpoint([], { ...standard, QSFT_OTLP_ENDPOINT: 'http://own' })).toBe('http://own');
    expect(endpoint(['--otlp-endpoint', 'http://flag'], standard)).toBe('http://flag');
  });
});
