// Starts the built server as a process of its own and waits until it serves. For benchmarks and end-to-end tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 40_000;
const MUTED_END = 'the server ended';

export interface ServerProcess {
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string;
  readonly pid: number;
  /** Of the process, once it has ended; null where a signal ended it. */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** What a process that did not get as far as serving left behind. */
export class StartupError extends Error {
  override readonly name = 'StartupError' as const;
  readonly exitCode: number | null;

  constructor(message: string, exitCode: number | null) {
    super(message);
    this.exitCode = exitCode;
  }
}

export async function startServerProcess(
  flags: readonly string[],
  nodeFlags: readonly string[] = [],
): Promise<ServerProcess> {
  const child = launch(['--port', '0', ...flags], nodeFlags, 'pipe');
  let complaints = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  return serving(child, announcedUrl(child), () => complaints.trim());
}

/** A server whose output goes to a file, so that nothing but its port tells that it serves. */
export async function startMutedServerProcess(
  flags: readonly string[],
  { port, output }: { readonly port: number; readonly output: number },
): Promise<ServerProcess> {
  const child = launch(['--port', String(port), ...flags], [], output);
  const url = answeringUrl(child, `http://127.0.0.1:${port}`);
  return serving(child, url, () => MUTED_END);
}

function launch(
  flags: readonly string[],
  nodeFlags: readonly string[],
  output: 'pipe' | number,
): ChildProcess {
  const stdio = ['ignore' as const, output, output];
  return spawn(process.execPath, [...nodeFlags, ENTRY, ...flags], { stdio });
}

/** Waits until it serves; where it ends instead, its complaints are the error's message. */
async function serving(
  child: ChildProcess,
  announced: Promise<string>,
  complaints: () => string,
): Promise<ServerProcess> {
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  const started = Promise.race([
    announced,
    exited.then((code) => {
      throw new StartupError(complaints(), code);
    }),
  ]);
  const url = await within(child, START_TIMEOUT_MS, started, 'the server did not start');
  return {
    url,
    pid: child.pid ?? 0,
    exited,
    kill: (signal) => void child.kill(signal),
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return within(child, STOP_TIMEOUT_MS, exited, 'the server did not stop');
    },
  };
}

async function answeringUrl(child: ChildProcess, url: string): Promise<string> {
  while (child.exitCode === null && child.signalCode === null) {
    const response = await fetch(`${url}/health/ready`).catch(() => null);
    if (response?.ok) return url;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new StartupError(MUTED_END, child.exitCode);
}

/** The start-up line is JSON with the address; later lines are read only so that the pipe stays empty. */
function announcedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const entry: { url?: unknown } = JSON.parse(line);
      if (typeof entry.url === 'string') resolve(entry.url);
    });
  });
}

/** Kills a process that has not done by then what it should. */
async function within<T>(
  child: ChildProcess,
  timeoutMs: number,
  result: Promise<T>,
  message: string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${message} within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
