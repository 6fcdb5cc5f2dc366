// The server as a process: how it starts, refuses to start, and stops.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StartupError, startServerProcess } from '../../scripts/server-process.ts';
import { eventually, withDeadline } from '../deadline.ts';

const TINY = ['--model', 'test/fixtures/tiny-policy', '--threads', '1'];

const COMPLETION = { model: 'tiny', prompt: 'Wordle:\n', max_tokens: 60 };

function complete(url: string, body: object): Promise<Response> {
  return fetch(`${url}/v1/completions`, { method: 'POST', body: JSON.stringify(body) });
}

/** A request whose headers have arrived and whose body has not. */
async function openRequest(url: string): Promise<ClientRequest> {
  const open = request(`${url}/v1/completions`, {
    method: 'POST',
    headers: { expect: '100-continue', 'transfer-encoding': 'chunked' },
  });
  open.flushHeaders();
  await withDeadline('the server to ask for the body', once(open, 'continue'));
  return open;
}

describe('the server process', () => {
  it('finishes running answers after SIGTERM and exits with 0', async () => {
    const server = await startServerProcess([...TINY, '--max-sequences', '1']);
    const stream = await complete(server.url, { ...COMPLETION, n: 20, stream: true });
    const stopped = server.stop('SIGTERM');
    const text = await withDeadline('the stream to end', stream.text());
    expect(text.match(/"finish_reason":"(stop|length)"/g)).toHaveLength(20);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(await withDeadline('the exit', stopped)).toBe(0);
  });

  it('refuses new work with 503 while a request is still open', async () => {
    const server = await startServerProcess(TINY);
    const open = await openRequest(server.url);
    const stopped = server.stop('SIGTERM');
    await eventually('readiness to fail', async () => {
      return (await fetch(`${server.url}/health/ready`)).status === 503;
    });
    const refused = await complete(server.url, COMPLETION);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'shutting_down' } });
    open.end(JSON.stringify(COMPLETION));
    const [response] = await withDeadline('its answer', once(open, 'response'));
    response.resume();
    expect(await withDeadline('the exit', stopped)).toBe(0);
  });

  it('does not wait for an open request beyond its shutdown timeout', async () => {
    const server = await startServerProcess([...TINY, '--shutdown-timeout-ms', '50']);
    const open = await openRequest(server.url);
    const closed = once(open, 'close').catch((error: unknown) => error);
    open.on('error', () => {});
    expect(await withDeadline('the exit', server.stop('SIGTERM'))).toBe(0);
    await withDeadline('the connection to close', closed);
  });

  it('reads its keys again at SIGHUP, and keeps them when the file is no good', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qsft-process-'));
    const keyFile = join(folder, 'keys');
    const write = (text: string) => writeFileSync(keyFile, text);
    write('a inference the-first-key-0123\n');
    const server = await startServerProcess([...TINY, '--api-key-file', keyFile]);
    const status = async (key: string) => {
      const headers = { authorization: `Bearer ${key}` };
      return (await fetch(`${server.url}/v1/models`, { headers })).status;
    };
    expect([await status('the-first-key-0123'), await status('the-second-key-0123')]).toEqual([
      200, 401,
    ]);
    write('a inference the-second-key-0123\n');
    process.kill(server.pid, 'SIGHUP');
    await eventually('the new key', async () => (await status('the-second-key-0123')) === 200);
    expect(await status('the-first-key-0123')).toBe(401);
    write('nonsense\n');
    process.kill(server.pid, 'SIGHUP');
    expect(await status('the-second-key-0123')).toBe(200);
    expect(await withDeadline('the exit', server.stop('SIGTERM'))).toBe(0);
    rmSync(folder, { recursive: true });
  });

  it('stops at SIGINT with nothing to do', async () => {
    const server = await startServerProcess(TINY);
    expect(await withDeadline('the exit', server.stop('SIGINT'))).toBe(0);
  });

  it.each([
    [
      ['--model', 'no/such/folder'],
      /There is no folder no\/such\/folder: a policy is a folder with/,
    ],
    [[...TINY, '--max-model-len', '1000'], /1000/],
    [[...TINY, '--port', 'http'], /--port takes 0 to 65535; "http" was given\./],
    [[...TINY, '--ort-library', '/no/such/library.so'], /library/],
    [[...TINY, '--host', '203.0.113.1', '--allow-unauthenticated', 'on'], /203\.0\.113\.1/],
  ])('says in one sentence why it cannot start: %j', async (flags, message) => {
    const failure = startServerProcess(flags).catch((error: unknown) => error);
    const error = await withDeadline('the start to fail', failure);
    expect(error).toBeInstanceOf(StartupError);
    expect(error).toMatchObject({ exitCode: 1, message: expect.stringMatching(message) });
    expect((error as StartupError).message.split('\n')).toHaveLength(1);
  });
});
