// Serves the requests of one connection one after the other. A client may send the next before it has its answer
// (pipelining), thousands in one packet; Node would begin all of them at once, before it looked at any other connection,
// and would not tell those that still wait for their turn that their client has left.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type Exchange = readonly [IncomingMessage, ServerResponse];

/** Beyond as many a connection is closed: nobody needs them. */
const MOST_WAITING = 16;

export function oneAtATime(listener: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, Exchange[]>();

  function begin(socket: Socket, [request, response]: Exchange): void {
    response.once('close', () => setImmediate(next, socket));
    listener(request, response);
  }

  function next(socket: Socket): void {
    const exchange = waiting.get(socket)?.shift();
    if (exchange === undefined || socket.destroyed) waiting.delete(socket);
    else begin(socket, exchange);
  }

  return (request, response) => {
    const { socket } = request;
    const queue = waiting.get(socket);
    if (queue === undefined) {
      waiting.set(socket, []);
      begin(socket, [request, response]);
    } else if (queue.length < MOST_WAITING) queue.push([request, response]);
    else socket.destroy();
  };
}
