// Runs the server of `json-server.ts` for clients in other languages, until its input ends.
import { startJsonServer } from './json-server.ts';

const server = await startJsonServer();
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
process.stdin.resume().on('end', () => void server.end());
