// A container's health check: ends with 0 when the server beside it, which has the same environment, is ready.
import { get } from 'node:http';
import { get as getOverTls } from 'node:https';
import { readCommandLine } from './config/command-line.ts';

// biome-ignore lint/style/noProcessEnv: a program of its own, like main.ts
const command = readCommandLine([], process.env);
if (command.kind === 'help') throw new Error('no flags were given');
const { port, tlsCert } = command.config;

const where = { host: '127.0.0.1', port, path: '/health/ready' };
const onAnswer = ({ statusCode }: { statusCode?: number | undefined }): void => {
  process.exit(statusCode === 200 ? 0 : 1);
};
// The certificate is for the names that clients know.
const request =
  tlsCert === null
    ? get(where, onAnswer)
    : getOverTls({ ...where, rejectUnauthorized: false }, onAnswer);
request.on('error', () => process.exit(1));
