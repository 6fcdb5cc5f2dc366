// The application on a port of its own, for clients that speak HTTP; its answers are the test's.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { ChatApp } from '../http/chat-app.ts';

export interface ScriptedServer {
  /** Such as `http://127.0.0.1:41234/v1`. */
  readonly baseURL: string;
  /** The requests' bodies, oldest first. */
  readonly bodies: readonly Record<string, unknown>[];
  stop(): void;
}

export async function serveScript({ app }: Pick<ChatApp, 'app'>): Promise<ScriptedServer> {
  const bodies: Record<string, unknown>[] = [];
  const server = createAdaptorServer({
    fetch: async (request) => {
      if (request.method === 'POST') {
        bodies.push((await request.clone().json()) as Record<string, unknown>);
      }
      return app.fetch(request);
    },
  }) as Server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    bodies,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
