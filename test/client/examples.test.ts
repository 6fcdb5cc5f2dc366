// The README's examples, as they stand there, each run against a real server with the bundled policy.
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';

const ADDRESS = 'http://127.0.0.1:8000';
const GUESS = /^([a-z] ){4}[a-z]$/;

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(['--threads', '1', '--max-sequences', '4']);
});

afterAll(async () => {
  await server?.stop('SIGKILL');
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

interface Outcome {
  readonly printed: string;
  readonly sent: unknown[];
  readonly answered: string[];
}

/** Runs an example with its server's address led to the real one. */
async function run(load: () => Promise<unknown>): Promise<Outcome> {
  const outcome = { printed: '', sent: [] as unknown[], answered: [] as string[] };
  const fetchReal = globalThis.fetch;
  vi.stubGlobal('fetch', async (input: string | URL, init?: RequestInit) => {
    const url = String(input);
    if (!url.startsWith(ADDRESS)) throw new Error(`an example asked ${url}`);
    outcome.sent.push(JSON.parse(String(init?.body)));
    const response = await fetchReal(url.replace(ADDRESS, server.url), init);
    outcome.answered.push(await response.clone().text());
    return response;
  });
  vi.spyOn(console, 'log').mockImplementation((text: unknown) => {
    outcome.printed += String(text);
  });
  await load();
  return outcome;
}

describe('an example of the README', () => {
  it.each([
    ['openai', () => import('../examples/openai.ts')],
    ['langchain', () => import('../examples/langchain.ts')],
    ['vercel-ai', () => import('../examples/vercel-ai.ts')],
    ['openai-agents', () => import('../examples/openai-agents.ts')],
  ])('plays a guess at the beta it names: %s', async (_, load) => {
    const { printed, sent, answered } = await run(load);
    expect(printed.trim()).toMatch(GUESS);
    expect(sent).toEqual([expect.objectContaining({ model: 'wordle', beta: 64 })]);
    expect(answered.join('')).toContain('"beta":64');
  });
});

const README = new URL('../../README.md', import.meta.url);

describe.runIf(existsSync(README))('the README', () => {
  it.each([
    'openai.ts',
    'openai_python.py',
    'langchain.ts',
    'vercel-ai.ts',
    'openai-agents.ts',
    'llamaindex.py',
  ])('shows %s as it is tested', (name) => {
    const code = readFileSync(new URL(`../examples/${name}`, import.meta.url), 'utf8');
    const language = name.endsWith('.py') ? 'python' : 'ts';
    const shown = `\`\`\`${language}\n${code}\`\`\``;
    expect(readFileSync(README, 'utf8').includes(shown)).toBe(true);
  });
});
