import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createNodeServer,
  type NodeServer,
  type NodeServerOptions,
} from '../../src/http/node-server.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { PROMPT, type TestAppOptions, testApp } from './test-app.ts';

const OPTIONS: NodeServerOptions = {
  tlsCert: null,
  tlsKey: null,
  maxHeaderBytes: 2048,
  maxConnections: 100,
  receiveTimeoutMs: 60_000,
  maxRequestSeconds: 60,
};
const LONG = { tokens: Array.from({ length: 80_000 }, () => 's '), end: 'hang' } as const;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(options: Partial<NodeServerOptions> = {}, appOptions: TestAppOptions = {}) {
  const app = testApp([LONG], { maxLength: 100_000, ...appOptions });
  const node = createNodeServer(app.app.fetch, { ...OPTIONS, ...options });
  node.server.listen(0, '127.0.0.1');
  await once(node.server, 'listening');
  const { port } = node.server.address() as AddressInfo;
  closing.push(() => node.server.close().closeAllConnections());
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { ...app, node, port, open };
}

async function answerTo(socket: Socket, text: string): Promise<string> {
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.on('error', () => {});
  socket.write(text);
  await withDeadline('the connection to close', once(socket, 'close'));
  return received;
}

function subject(node: NodeServer, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(
      { port, path: '/health/live', rejectUnauthorized: false, agent: false },
      (response) => {
        response.resume();
        expect([node.scheme, response.statusCode]).toEqual(['https', 200]);
        resolve(String((response.socket as TLSSocket).getPeerCertificate().subject.CN));
      },
    );
    request.on('error', reject);
  });
}

describe('the listening server', () => {
  it('reads every header of a request, however many there are', async () => {
    const { open } = await serve({ maxHeaderBytes: 16_384 });
    const many = 'a:b\r\n'.repeat(2500);
    const request = `GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${many}x-request-id: last\r\n\r\n`;
    expect(await answerTo(await open(), request)).toContain('x-request-id: last');
  });

  it('refuses headers above their limit', async () => {
    const { open } = await serve();
    const request = `GET /health/live HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(3000)}\r\n\r\n`;
    expect(await answerTo(await open(), request)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('refuses a chunked body above its limit without reading the rest', async () => {
    const { open } = await serve();
    const head = 'POST /v1/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n';
    const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
    const answer = await answerTo(
      await open(),
      `${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(3)}0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*body_too_large/);
  });

  it.each([
    ['headers', 'POST /v1/completions HTTP/1.1\r\nhost: x\r\n'],
    ['a body', 'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{'],
  ])('does not wait for ever for %s', async (_, start) => {
    const { open, log } = await serve({ receiveTimeoutMs: 1000 });
    expect(await answerTo(await open(), start)).toMatch(/^HTTP\/1\.1 408 /);
    if (start.includes('{')) {
      await eventually('the request to be over', () => log.length === 1);
      expect(log[0]).toMatchObject({ error: 'request_cancelled' });
    }
  });

  it('closes connections beyond as many as it takes', async () => {
    const { open } = await serve({ maxConnections: 1 });
    await open();
    await withDeadline('the second to be closed', once(await open(), 'close'));
  });

  it('closes connections that wait for nothing where others want in', async () => {
    const { port } = await serve({ maxConnections: 4 });
    const ask = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n';
    const idle = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'));
    for (const socket of idle) {
      closing.push(() => socket.destroy());
      socket.on('error', () => {});
      await once(socket, 'connect');
    }
    for (const socket of idle) {
      socket.write(ask);
      await withDeadline('an answer', once(socket, 'data'));
    }
    const late = connect(port, '127.0.0.1');
    closing.push(() => late.destroy());
    const answer = await answerTo(late, ask.replace('host', 'connection: close\r\nhost'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('takes the stream of a client that does not read it, and frees its slot', async () => {
    const { open, engine, submitted, log, metric } = await serve(
      {},
      { limits: { streamBufferBytes: 4096, slowReaderMs: 50 } },
    );
    const complain = vi.spyOn(console, 'error');
    closing.push(() => complain.mockRestore());
    const socket = await open();
    socket.pause();
    const body = JSON.stringify({
      model: 'tiny',
      prompt: PROMPT,
      max_tokens: 90_000,
      stream: true,
    });
    const head = `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`;
    socket.write(head + body);
    await eventually('the answer to begin', () => submitted.length === 1);
    await eventually('the slot to be free', () => engine.inFlight.running === 0);
    await eventually('the request to be over', () => log.length === 1);
    expect(log[0]).toMatchObject({ error: 'client_too_slow' });
    expect(await metric('qsft_rejected_total{reason="client_too_slow"}')).toBe(1);
    socket.on('error', () => {});
    socket.resume();
    await withDeadline('the connection to close', once(socket, 'close'));
    expect(complain).not.toHaveBeenCalled();
  });

  it('speaks HTTPS, with the certificate that its files have now', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qsft-tls-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const [tlsCert, tlsKey] = [join(folder, 'crt'), join(folder, 'key')];
    const install = (cert: string, key: string) => {
      copyFileSync(`test/fixtures/tls/${cert}.crt`, tlsCert);
      copyFileSync(`test/fixtures/tls/${key}.key`, tlsKey);
    };
    install('first', 'first');
    const { node, port } = await serve({ tlsCert, tlsKey });
    expect(await subject(node, port)).toBe('first');
    install('second', 'second');
    node.reloadTls();
    expect(await subject(node, port)).toBe('second');
    install('first', 'second');
    expect(() => node.reloadTls()).toThrow(/cannot be used/);
    expect(await subject(node, port)).toBe('second');
  });

  it.each([
    ['speaks no TLS', 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['says nothing', ''],
  ])('leaves a client that %s where TLS is spoken', async (_, text) => {
    const tls = { tlsCert: 'test/fixtures/tls/first.crt', tlsKey: 'test/fixtures/tls/first.key' };
    const { open } = await serve({ ...tls, receiveTimeoutMs: 200 });
    expect(await answerTo(await open(), text)).not.toContain('HTTP');
  });

  it('says why it cannot speak HTTPS', () => {
    const files = { tlsCert: 'no.crt', tlsKey: 'no.key' };
    const create = () => createNodeServer(() => new Response(), { ...OPTIONS, ...files });
    expect(create).toThrow('The certificate no.crt and the key no.key cannot be used (ENOENT).');
  });
});
