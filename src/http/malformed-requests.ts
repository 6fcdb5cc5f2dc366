// Answers what never becomes a request: bytes that are no HTTP, headers beyond their limit, requests that take too long to
// arrive. Node would answer as well, but without a reason, and unseen by the metrics.
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ServerError } from '../errors.ts';
import { errorResponse } from './error-response.ts';

export interface ArrivalLimits {
  readonly maxHeaderBytes: number;
  /** How long a request's headers and body may take. */
  readonly receiveTimeoutMs: number;
}

export function answerMalformed(
  server: Server,
  limits: ArrivalLimits,
  onRefused: (error: ServerError) => void,
): void {
  const answering = new WeakMap<Duplex, Set<ServerResponse>>();
  server.on('request', ({ socket }, response) => {
    const responses = answering.get(socket) ?? new Set();
    answering.set(socket, responses.add(response));
    response.once('close', () => responses.delete(response));
  });
  server.on('clientError', (cause: NodeJS.ErrnoException, socket) => {
    const error = problemOf(cause, limits);
    if (error === null || !socket.writable) {
      socket.destroy();
      return;
    }
    onRefused(error);
    // What is on its way must not be continued with something else.
    const hasBegun = [...(answering.get(socket) ?? [])].some(({ headersSent }) => headersSent);
    if (hasBegun) socket.destroy();
    else void refuse(socket, error);
  });
}

/** Null where there is nobody to tell: the client has gone, or TLS was never agreed on. */
function problemOf(cause: NodeJS.ErrnoException, limits: ArrivalLimits): ServerError | null {
  switch (cause.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServerError(
        'headers_too_large',
        `The request line and headers must be at most ${limits.maxHeaderBytes} bytes.`,
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ServerError('body_too_large', 'The extensions of a chunk are too long.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServerError(
        'receive_timeout',
        `The request did not arrive within ${limits.receiveTimeoutMs} ms.`,
      );
    default:
      return cause.code?.startsWith('HPE_') === true
        ? new ServerError('malformed_request', 'This is no HTTP request.', { cause })
        : null;
  }
}

async function refuse(socket: Duplex, error: ServerError): Promise<void> {
  const response = errorResponse(error, { connection: 'close' });
  const body = await response.text();
  const headers = [...response.headers, ['content-length', Buffer.byteLength(body)]];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const { status } = response;
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n${body}`);
}
