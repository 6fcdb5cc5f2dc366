import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createNodeServer } from '../../src/http/node-server.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { PROMPT, testApp } from './test-app.ts';

const releases: (() => void)[] = [];
afterEach(() => {
  for (const release of releases.splice(0)) release();
});

async function serve() {
  const served = testApp([{ tokens: ['s '], end: 'hang' }]);
  const { server } = createNodeServer(served.app.fetch, {
    ...{ tlsCert: null, tlsKey: null, maxHeaderBytes: 2048, maxConnections: 100 },
    ...{ receiveTimeoutMs: 60_000, maxRequestSeconds: 60 },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  releases.push(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    releases.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { ...served, open };
}

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`;
}

function post(timeout: number): string {
  const body = JSON.stringify({ model: 'tiny', prompt: PROMPT, timeout });
  return `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

describe('requests that come before the last one on their connection was answered', () => {
  it('are served one after the other, in their order', async () => {
    const { open, log } = await serve();
    const socket = await open();
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.write(post(0.2) + post(0.2) + get('/v1/models', 'connection: close\r\n'));
    await withDeadline('the connection to close', once(socket, 'close'));
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 504',
      'HTTP/1.1 504',
      'HTTP/1.1 200',
    ]);
    const longest = log.slice(0, 2).map(({ durationMs }) => Number(durationMs));
    // Had both begun at once, the second would have been answered with the first.
    expect(Math.min(...longest)).toBeGreaterThanOrEqual(190);
  });

  it('are none for who has left meanwhile', async () => {
    const { open, submitted, engine } = await serve();
    const socket = await open();
    socket.write(post(60) + post(60));
    await eventually('the first to run', () => engine.inFlight.running === 1);
    socket.destroy();
    await eventually('it to end', () => engine.inFlight.running === 0);
    expect(await statusOf(await open())).toContain('200');
    expect(submitted).toHaveLength(1);
  });

  it('cost their connection, not others, where there are thousands', async () => {
    const { open, metric } = await serve();
    const socket = await open();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.pause();
    socket.write(get('/metrics').repeat(5000));
    expect(await statusOf(await open())).toContain('200');
    socket.resume();
    await withDeadline('the connection to close', closed);
    const served = await metric(
      'qsft_http_requests_total{method="GET",route="/metrics",status="200"}',
    );
    expect(served ?? 0).toBeLessThan(50);
  });
});

async function statusOf(socket: Socket): Promise<string> {
  socket.write(get('/health/live'));
  const [chunk] = await withDeadline('an answer', once(socket, 'data'));
  return String(chunk).split('\r\n')[0] ?? '';
}
