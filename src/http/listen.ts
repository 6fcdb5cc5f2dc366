// Takes the address and the port that a server listens on. Why the system would not give them is said in words.
import type { AddressInfo, Server } from 'node:net';

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another program listens there'],
  ['EACCES', 'this user may not'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'no address has that name'],
]);

/** Port 0 is any that is free. */
export function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      const { code = '', message } = cause;
      const place = port === 0 ? host : `port ${port} of ${host}`;
      const reason = REASONS.get(code);
      const why = reason === undefined ? message : `${reason} (${code})`;
      reject(new Error(`Cannot listen on ${place}: ${why}.`, { cause }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve(server.address() as AddressInfo);
    });
  });
}
