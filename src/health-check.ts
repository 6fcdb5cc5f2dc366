// A container's health check: ends with 0 when the server beside it is ready, whether it speaks TLS or not.
import { get, type IncomingMessage } from 'node:http';
import { get as getOverTls } from 'node:https';

// biome-ignore lint/style/noProcessEnv: a program of its own, like main.ts
const { QSFT_PORT: port = '8000' } = process.env;
const ready = { host: '127.0.0.1', port, path: '/health/ready' };

function end({ statusCode }: IncomingMessage): never {
  process.exit(statusCode === 200 ? 0 : 1);
}

get(ready, end).on('error', () => {
  // Its certificate is for the names that clients know.
  getOverTls({ ...ready, rejectUnauthorized: false }, end).on('error', () => process.exit(1));
});
