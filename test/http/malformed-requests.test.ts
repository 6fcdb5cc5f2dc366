// What reaches the port and is no request that could be served: told why, counted, and kept from everything behind it.
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createNodeServer } from '../../src/http/node-server.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { PROMPT, testApp } from './test-app.ts';

const BODY = JSON.stringify({ model: 'tiny', prompt: PROMPT, max_tokens: 1 });
const SIZE = BODY.length;
const NEXT = 'GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

const releases: (() => void)[] = [];
afterEach(() => {
  for (const release of releases.splice(0)) release();
});

async function serve(receiveTimeoutMs = 60_000) {
  const served = testApp([{ tokens: ['s '], end: 'hang' }]);
  const refused: string[] = [];
  const options = {
    ...{ tlsCert: null, tlsKey: null, maxHeaderBytes: 2048, maxConnections: 100 },
    ...{ receiveTimeoutMs, maxRequestSeconds: 60 },
  };
  const { server } = createNodeServer(served.app.fetch, options, ({ code }) => refused.push(code));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  releases.push(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return { ...served, refused, port };
}

async function exchange(port: number, text: string): Promise<{ received: string; socket: Socket }> {
  const socket = connect(port, '127.0.0.1');
  releases.push(() => socket.destroy());
  const exchanged = { received: '', socket };
  socket.on('data', (chunk) => {
    exchanged.received += chunk;
  });
  socket.on('error', () => {});
  socket.write(text);
  return exchanged;
}

async function answerTo(port: number, text: string): Promise<string> {
  const exchanged = await exchange(port, text);
  await withDeadline('the connection to close', once(exchanged.socket, 'close'));
  return exchanged.received;
}

function post(headers: string, body = BODY): string {
  return `POST /v1/completions HTTP/1.1\r\nhost: x\r\n${headers}\r\n${body}`;
}

describe('what is no request', () => {
  // Two readers of the same bytes must not find different requests in them.
  it.each([
    ['two lengths', post(`content-length: ${SIZE}\r\ncontent-length: 5\r\n`)],
    ['one length twice', post(`content-length: ${SIZE}\r\ncontent-length: ${SIZE}\r\n`)],
    ['a list of lengths', post(`content-length: ${SIZE}, ${SIZE}\r\n`)],
    ['a signed length', post(`content-length: +${SIZE}\r\n`)],
    ['a negative length', post('content-length: -5\r\n')],
    ['a length and chunks', post(`content-length: ${SIZE}\r\ntransfer-encoding: chunked\r\n`)],
    ['chunks that are not last', post('transfer-encoding: chunked, identity\r\n')],
    ['another encoding', post('transfer-encoding: xchunked\r\n')],
    ['a space before the colon', post('transfer-encoding : chunked\r\n', `0\r\n\r\n${NEXT}`)],
    ['a chunk of no size', post('transfer-encoding: chunked\r\n', `x\r\n\r\n${NEXT}`)],
    [
      'a chunk of a size too large',
      post('transfer-encoding: chunked\r\n', 'FFFFFFFFFFFFFFFFF\r\n'),
    ],
    ['lines without a return', 'GET /health/live HTTP/1.1\nhost: x\n\n'],
    ['a folded header', 'GET /health/live HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n'],
    ['a zero byte', 'GET /health/live HTTP/1.1\r\nhost: x\r\na: b\0c\r\n\r\n'],
    ['an unknown method', 'STEAL /health/live HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('is refused for %s, before anything is run', async (_, text) => {
    const { port, refused, submitted } = await serve();
    const answer = await answerTo(port, text);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*"code":"malformed_request"/);
    expect(refused).toEqual(['malformed_request']);
    expect(submitted).toEqual([]);
  });

  it.each(['a/../b', 'user:password@x', 'x#y', '[::1'])(
    'is refused for the host %s',
    async (host) => {
      const { port, refused } = await serve();
      const request = `GET /health/live HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
      expect(await answerTo(port, request)).toMatch(/^HTTP\/1\.1 400 .*[\s\S]*"malformed_request"/);
      expect(refused).toEqual(['malformed_request']);
    },
  );

  it('is told which limit it broke', async () => {
    const { port, refused } = await serve(1000);
    const long = `GET /health/live HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(3000)}\r\n\r\n`;
    expect(await answerTo(port, long)).toMatch(/ 431 [\s\S]*must be at most 2048 bytes\./);
    expect(await answerTo(port, 'GET /')).toMatch(/ 408 [\s\S]*did not arrive within 1000 ms\./);
    const chunk = `1;${'a'.repeat(20_000)}\r\n{\r\n0\r\n\r\n`;
    expect(await answerTo(port, post('transfer-encoding: chunked\r\n', chunk))).toMatch(/ 413 /);
    expect(refused).toEqual(['headers_too_large', 'receive_timeout', 'body_too_large']);
  });

  it('does not write into an answer that has begun', async () => {
    const { port, engine } = await serve();
    const body = JSON.stringify({ model: 'tiny', prompt: PROMPT, stream: true });
    const exchanged = await exchange(port, post(`content-length: ${body.length}\r\n`, body));
    await eventually('the stream to begin', () => exchanged.received.includes('data: '));
    exchanged.socket.write('no HTTP\r\n\r\n');
    await withDeadline('the connection to close', once(exchanged.socket, 'close'));
    expect(exchanged.received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    await eventually('the slot to be free', () => engine.inFlight.running === 0);
  });

  it('is not what HTTP/1.0 leaves out', async () => {
    const { port } = await serve();
    expect(await answerTo(port, 'GET /health/live HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });
});
