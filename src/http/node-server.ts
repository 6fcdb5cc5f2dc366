// The listening side: plain or over TLS, with bounds on what reaches it before any route does.
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { ServerError } from '../errors.ts';
import { errorResponse } from './error-response.ts';
import { makeRoom } from './make-room.ts';
import { type ArrivalLimits, answerMalformed } from './malformed-requests.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { readTls } from './tls-files.ts';

export interface NodeServerOptions extends ArrivalLimits {
  /** Both PEM files, or neither for plain HTTP. */
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  readonly maxConnections: number;
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

/** `onRefused` is told of what never became a request. */
export function createNodeServer(
  fetch: Fetch,
  options: NodeServerOptions,
  onRefused: (error: ServerError) => void = () => {},
): NodeServer {
  const { tlsCert, tlsKey, maxHeaderBytes, maxConnections, receiveTimeoutMs } = options;
  const serverOptions = {
    maxHeaderSize: maxHeaderBytes,
    requestTimeout: receiveTimeoutMs,
    headersTimeout: receiveTimeoutMs,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
  const tls = tlsCert === null || tlsKey === null ? null : { cert: tlsCert, key: tlsKey };
  const refuseTarget = (cause: unknown): Response => {
    const message = 'The address or host of the request is not one.';
    const error = new ServerError('malformed_request', message, { cause });
    onRefused(error);
    return errorResponse(error);
  };
  // HTTP/1.0 needs no host; requests are not told apart by it.
  const answer = getRequestListener(fetch, { hostname: 'localhost', errorHandler: refuseTarget });
  const listener = oneAtATime((request, response) => void answer(request, response));
  const server =
    tls === null
      ? createServer(serverOptions, listener)
      : createTlsServer(
          { ...serverOptions, ...readTls(tls), handshakeTimeout: receiveTimeoutMs },
          listener,
        );
  answerMalformed(server, options, onRefused);
  makeRoom(server, maxConnections);
  // Beyond 2000 Node would drop the rest, and another reader would not; their bytes are bounded.
  server.maxHeadersCount = 0;
  server.timeout = options.maxRequestSeconds * 1000 + IDLE_GRACE_MS;
  const reloadTls = (): void => {
    if (tls !== null) (server as TlsServer).setSecureContext(readTls(tls));
  };
  return { server, scheme: tls === null ? 'http' : 'https', reloadTls };
}
