// The README's examples, as they stand there or beside this file, each run against a real server with the bundled policy.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
  const page = () => readFileSync(README, 'utf8');

  it.each(['openai.ts', 'openai_python.py'])('shows %s as it is tested', (name) => {
    const code = readFileSync(new URL(`../examples/${name}`, import.meta.url), 'utf8');
    const language = name.endsWith('.py') ? 'python' : 'ts';
    expect(page()).toContain(`\`\`\`${language}\n${code}\`\`\``);
  });

  it('leads to every other example', () => {
    const all = readdirSync(new URL('../examples', import.meta.url));
    const others = all.filter((name) => /\.(ts|py)$/.test(name) && !name.startsWith('openai_'));
    const linked = others.filter((name) => page().includes(`(test/examples/${name})`));
    expect(linked).toEqual(others.filter((name) => name !== 'openai.ts'));
  });
});

/** The bodies that the README's curl commands send, by their paths. */
function requestsOfTheReadme(): { path: string; body: object }[] {
  const commands = readFileSync(README, 'utf8').matchAll(
    /curl -s http:\/\/127\.0\.0\.1:8000(\S+) [^{]*'(\{[^']*\})'/g,
  );
  return [...commands].map(([, path = '', body = '']) => ({ path, body: JSON.parse(body) }));
}

async function ask<T>(path: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

interface Answer {
  readonly choices: readonly { readonly text: string }[];
  readonly qsft: { readonly choices?: readonly { readonly probability: number }[] };
}

interface Scores {
  readonly data: readonly { readonly logprob: number }[];
}

describe.runIf(existsSync(README))('what the README says is answered', () => {
  it('is the guess, and at beta 0 what the player it learnt from says', async () => {
    const [request] = requestsOfTheReadme();
    if (request === undefined) throw new Error('there is no curl command');
    const guess = async (changes: object) => {
      const { choices } = await ask<Answer>(request.path, { ...request.body, ...changes });
      return choices[0]?.text;
    };
    expect(await guess({})).toBe('t i t l e');
    const imitated = [];
    for (const seed of [1, 2, 3]) imitated.push(await guess({ beta: 0, seed }));
    expect(imitated).toEqual(['t i t l e', 'u n i t e', 'r a i s e']);
  });

  it('are the scores of two continuations', async () => {
    const request = requestsOfTheReadme().find(({ path }) => path === '/v1/score');
    if (request === undefined) throw new Error('there is no curl command for /v1/score');
    const { data } = await ask<Scores>(request.path, request.body);
    const shown = data.map(({ logprob }) => logprob.toFixed(2));
    expect(shown).toEqual(['-1.46', '-7.67']);
    for (const number of shown) expect(readFileSync(README, 'utf8')).toContain(number);
  });

  it('is the choice and how likely each was', async () => {
    const request = requestsOfTheReadme().find(({ body }) => 'structured_outputs' in body);
    if (request === undefined) throw new Error('there is no curl command with a choice');
    const { choices, qsft } = await ask<Answer>(request.path, request.body);
    expect(choices[0]?.text).toBe('u n i t e\n');
    const shown = qsft.choices?.map(({ probability }) => probability.toFixed(3)) ?? [];
    expect(shown).toEqual(['0.657', '0.338', '0.004']);
    for (const number of shown) expect(readFileSync(README, 'utf8')).toContain(number);
  });

  it('are the guesses of the conversation', async () => {
    const say = async (messages: readonly object[]) => {
      const path = '/v1/chat/completions';
      const body = { model: 'wordle', seed: 1, messages };
      return (await ask<{ choices: [{ message: { content: string } }] }>(path, body)).choices[0]
        .message;
    };
    const opening = { role: 'user', content: 'Let us play Wordle.' };
    const first = await say([opening]);
    expect(first.content).toBe('s t o r e');
    const colours = { role: 'user', content: 'b y b b g' };
    expect((await say([opening, first, colours])).content).toBe('t i t l e');
  });
});
