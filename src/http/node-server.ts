// The listening side: plain or over TLS, with bounds on what reaches it before any route does.
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { createAdaptorServer } from '@hono/node-server';
import { readTls } from './tls-files.ts';

export interface NodeServerOptions {
  /** Both PEM files, or neither for plain HTTP. */
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  /** How long a request's headers and body may take to arrive. */
  readonly receiveTimeoutMs: number;
  readonly maxRequestSeconds: number;
}

export interface NodeServer {
  readonly server: Server;
  readonly scheme: 'http' | 'https';
  /** Reads certificate and key again; throws, and keeps what it has, when they don't fit each other. */
  readonly reloadTls: () => void;
}

type Fetch = (request: Request) => Response | Promise<Response>;

/** Slow arrivals are noticed this late. */
const CHECK_INTERVAL_MS = 1000;
/** Beyond the longest request, a connection on which nothing moves is dead. */
const IDLE_GRACE_MS = 60_000;

export function createNodeServer(fetch: Fetch, options: NodeServerOptions): NodeServer {
  const { tlsCert, tlsKey, maxHeaderBytes, maxConnections, receiveTimeoutMs } = options;
  const serverOptions = {
    maxHeaderSize: maxHeaderBytes,
    requestTimeout: receiveTimeoutMs,
    headersTimeout: receiveTimeoutMs,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
  const tls = tlsCert === null || tlsKey === null ? null : { cert: tlsCert, key: tlsKey };
  const server = (
    tls === null
      ? createAdaptorServer({ fetch, createServer, serverOptions })
      : createAdaptorServer({
          fetch,
          createServer: createTlsServer,
          serverOptions: { ...serverOptions, ...readTls(tls) },
        })
  ) as Server;
  server.maxConnections = maxConnections;
  server.timeout = options.maxRequestSeconds * 1000 + IDLE_GRACE_MS;
  const reloadTls = (): void => {
    if (tls !== null) (server as TlsServer).setSecureContext(readTls(tls));
  };
  return { server, scheme: tls === null ? 'http' : 'https', reloadTls };
}
