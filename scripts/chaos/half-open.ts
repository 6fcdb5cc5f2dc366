// Clients that begin a request and never end it: half a header, or half a body.
import { connect, type Socket } from 'node:net';

const HALF_HEADER = 'POST /v1/completions HTTP/1.1\r\nhost: here\r\nx-half: ';
const HALF_BODY =
  'POST /v1/completions HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"model":';

/** Returns how to let go of them. */
export async function holdHalfOpen(url: string, count: number): Promise<() => void> {
  const { hostname, port } = new URL(url);
  const sockets = await Promise.all(
    Array.from({ length: count }, (_, index) => {
      return new Promise<Socket>((resolve, reject) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(index % 2 === 0 ? HALF_HEADER : HALF_BODY);
          // The server may close it, which is its right.
          socket.off('error', reject).on('error', () => {});
          resolve(socket);
        });
        socket.on('error', reject);
      });
    }),
  );
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}
