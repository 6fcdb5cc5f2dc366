import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { closeServer } from '../../src/http/close-server.ts';
import { createNodeServer } from '../../src/http/node-server.ts';
import { eventually, withDeadline } from '../deadline.ts';

/** On a thread of its own: asks once, when told to, says when it has connected, and tells the status or the error. */
const CLIENT = `
  const { get } = require('node:http');
  const { parentPort, workerData } = require('node:worker_threads');
  const tell = (outcome) => parentPort.postMessage(outcome);
  const { port, connected } = workerData;
  const sayConnected = () => {
    Atomics.store(connected, 0, 1);
    Atomics.notify(connected, 0);
  };
  parentPort.once('message', () => {
    get({ port, host: '127.0.0.1', agent: false }, ({ statusCode }) => tell(statusCode))
      .on('socket', (socket) => socket.once('connect', sayConnected))
      .on('error', ({ code }) => tell(code));
  });
`;

const releases: (() => void)[] = [];
afterEach(() => {
  for (const release of releases.splice(0)) release();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  releases.push(() => server.close().closeAllConnections());
  return (server.address() as AddressInfo).port;
}

function refusing(): Server {
  return createServer((_, response) => response.writeHead(503, { connection: 'close' }).end());
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  releases.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** On a connection of its own. */
async function statusAt(port: number): Promise<number | undefined> {
  const request = get({ port, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

describe('closing a server', () => {
  it('answers who comes meanwhile, and ends when nobody does any more', async () => {
    const server = refusing();
    const port = await listening(server);
    const closed = closeServer(server);
    // For longer than it waits for quiet, and not as long as it bears noise.
    const startMs = performance.now();
    while (performance.now() - startMs < 300) {
      expect(await statusAt(port)).toBe(503);
      await sleep(60);
    }
    await withDeadline('the server to close', closed);
    await expect(statusAt(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not wait for ever for clients that never stop coming', async () => {
    const server = refusing();
    const port = await listening(server);
    let isOpen = true;
    const coming = (async () => {
      while (isOpen) await statusAt(port).catch(() => {});
    })();
    await withDeadline('the server to close', closeServer(server));
    isOpen = false;
    await coming;
  });

  it('answers one that connected before it ended and speaks only now', async () => {
    const server = refusing();
    const socket = await open(await listening(server));
    const answer = once(socket, 'data');
    const closed = closeServer(server);
    await eventually('the server to take no more', () => !server.listening);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(String(await withDeadline('the answer', answer))).toMatch(/^HTTP\/1\.1 503 /);
    await withDeadline('the server to close', closed);
  });

  it('answers who came while it was too busy to notice', async () => {
    const server = refusing();
    const port = await listening(server);
    const connected = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const client = new Worker(CLIENT, { eval: true, workerData: { port, connected } });
    releases.push(() => void client.terminate());
    await once(client, 'online');
    const outcome = once(client, 'message');
    const closed = closeServer(server);
    // The client comes, and the time of quiet is over before anyone can see it.
    client.postMessage('connect');
    expect(Atomics.wait(connected, 0, 0, 30_000)).not.toBe('timed-out');
    Atomics.wait(connected, 0, 1, 600);
    expect(await withDeadline('the answer', outcome)).toEqual([503]);
    await withDeadline('the server to close', closed);
  });

  it.each([
    ['says nothing', null],
    ['never finishes its TLS handshake', 'test/fixtures/tls/first'],
  ])('does not wait for ever for a connection that %s', async (_, tls) => {
    const { server } = createNodeServer(() => new Response(), {
      tlsCert: tls && `${tls}.crt`,
      tlsKey: tls && `${tls}.key`,
      maxHeaderBytes: 2048,
      maxConnections: 100,
      receiveTimeoutMs: 60_000,
      maxRequestSeconds: 60,
    });
    await open(await listening(server));
    await withDeadline('the server to close', closeServer(server));
  });
});
