import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listen } from '../../src/http/listen.ts';

const server = createServer();
afterEach(() => server.close());

describe('listening', () => {
  it('tells the port that it was given', async () => {
    expect((await listen(server, '127.0.0.1', 0)).port).toBeGreaterThan(0);
  });

  it('says that a port is taken', async () => {
    const { port } = await listen(server, '127.0.0.1', 0);
    await expect(listen(createServer(), '127.0.0.1', port)).rejects.toThrow(
      `Cannot listen on port ${port} of 127.0.0.1: another program listens there (EADDRINUSE).`,
    );
  });

  it('says that an address is of another machine', async () => {
    await expect(listen(createServer(), '203.0.113.1', 0)).rejects.toThrow(
      'Cannot listen on 203.0.113.1: this machine has no such address (EADDRNOTAVAIL).',
    );
  });
});
