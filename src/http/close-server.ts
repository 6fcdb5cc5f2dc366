// Ends a server that has nothing left to do. It goes on answering for as long as clients come: one that waits to be
// accepted when the listening socket closes is reset, and cannot tell whether its request was served.
import type { Server } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** Without a connection or a request for this long, clients have noticed. */
const QUIET_MS = 200;
/** Clients that never notice are left after this time. */
const LONGEST_NOISE_MS = 1600;
/** How long answers already complete may take to reach their clients, and connections that said nothing to say it. */
const FLUSH_TIMEOUT_MS = 1000;
const IDLE_CHECK_MS = 20;

/** Whatever comes must be refused already. Resolves within three seconds of an idle machine, whatever clients do. */
export async function closeServer(server: Server): Promise<void> {
  await becomesQuiet(server);
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Closing ends the connections that are idle now; those still sending become idle later.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  // A connection that never finishes its TLS handshake keeps the server from being closed, and cannot be closed by it.
  await Promise.race([closed, sleep(FLUSH_TIMEOUT_MS, undefined, { ref: false })]);
  clearInterval(idle);
  server.closeAllConnections();
}

async function becomesQuiet(server: Server): Promise<void> {
  let isQuiet = false;
  const onNoise = (): void => {
    isQuiet = false;
  };
  server.on('connection', onNoise).on('request', onNoise);
  const longestAt = performance.now() + LONGEST_NOISE_MS;
  while (!isQuiet && performance.now() < longestAt) {
    isQuiet = true;
    await sleep(QUIET_MS);
    // A busy server learns that the time is over before it learns who came meanwhile: this turn takes those who wait.
    await nextTurn();
  }
  server.off('connection', onNoise).off('request', onNoise);
}
