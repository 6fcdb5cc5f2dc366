// Connections that wait for nothing give way where there are as many as may be: whoever keeps some open, with a small request
// now and then, must not keep everyone else out.
import type { Server } from 'node:http';

export function makeRoom(server: Server, maxConnections: number): void {
  let open = 0;
  // Before whoever answers.
  server.prependListener('request', (_, response) => {
    if (open >= maxConnections) response.shouldKeepAlive = false;
  });
  server.on('connection', (socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    if (open >= maxConnections) server.closeIdleConnections();
  });
  // One that came too late finds room the next time.
  server.on('drop', () => server.closeIdleConnections());
  server.maxConnections = maxConnections;
}
