// npm run container:replay: builds the Dockerfile's `cpu` target in a scratch folder, without an engine, and starts the result as the
// image would: its command, its environment, its health check. Fails if it does not serve, or writes into its image.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';
import { readDockerfile } from './dockerfile.ts';
import { copyContext, Replay, type Replayed } from './stages.ts';

const startTimeoutMs = 30_000;
const project = fileURLToPath(new URL('../..', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'qsft-container-'));
try {
  chmodSync(folder, 0o755);
  const context = join(folder, 'context');
  mkdirSync(context);
  copyContext(project, context);
  const stages = readDockerfile(readFileSync(join(project, 'Dockerfile'), 'utf8'));
  const image = new Replay(stages, context, join(folder, 'stages')).stage('cpu');
  const before = listing(image.root);
  console.log(await serve(image));
  if (listing(image.root) !== before) throw new Error('The server wrote into its image.');
  const megabytes = Math.round(totalBytes(image.root) / 1e6);
  console.log(`The image's own files take ${megabytes} MB, and serving changed none of them.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function serve(image: Replayed): Promise<string> {
  const port = await freePort();
  const environment = {
    ...image.environment,
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    QSFT_PORT: String(port),
    QSFT_API_KEY: 'replayed-container-key',
  };
  const cwd = join(image.root, image.workingFolder);
  const [command = '', ...args] = image.command;
  const server = spawn(command, args, {
    cwd,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(server, 'exit');
  try {
    await untilHealthy(image, cwd, environment);
    const answer = await complete(port, environment.QSFT_API_KEY);
    server.kill('SIGTERM');
    const [code] = await exited;
    if (code !== 0) throw new Error(`The server ended with ${code} after SIGTERM.`);
    return `It is healthy, answers ${JSON.stringify(answer)} and ends with 0.`;
  } finally {
    server.kill('SIGKILL');
  }
}

async function untilHealthy(
  { healthCheck: [command = '', ...args] }: Replayed,
  cwd: string,
  env: Record<string, string>,
): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  while (spawnSync(command, args, { cwd, env }).status !== 0) {
    if (performance.now() > deadline) {
      throw new Error(`The health check does not pass within ${startTimeoutMs} ms.`);
    }
    await delay(200);
  }
}

async function complete(port: number, key: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'wordle', prompt: 'Wordle:\n', max_tokens: 5, stop: '\n' }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const { choices }: { choices: [{ text: string }] } = JSON.parse(await response.text());
  return choices[0].text;
}

function files(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function listing(root: string): string {
  return files(root)
    .map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`)
    .join('\n');
}

function totalBytes(root: string): number {
  return files(root).reduce((sum, path) => sum + statSync(path).size, 0);
}
