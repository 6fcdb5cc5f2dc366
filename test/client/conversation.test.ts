// An agent's conversation with a real server: every turn sends the whole transcript again.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scrape } from '../../scripts/scrape.ts';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';

const HEADER = 'Wordle:\n';
const TURNS = 20;

/** The server's own threshold: fewer tokens are not worth reusing. */
const MIN_REUSED = 16;

describe('a conversation', () => {
  let server: ServerProcess;
  let client: OpenAI;
  beforeAll(async () => {
    server = await startServerProcess(['--threads', '1', '--max-sequences', '4']);
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  });
  afterAll(async () => {
    await server?.stop('SIGKILL');
  });

  function complete(prompt: string, own: object = {}) {
    const body = { model: 'wordle', prompt, max_tokens: 3, seed: 1 } as const;
    const request: typeof body = { ...body, ...own };
    return client.completions.create(request);
  }

  async function cachedTokens(prompt: string, own: object = {}): Promise<number | undefined> {
    return (await complete(prompt, own)).usage?.prompt_tokens_details?.cached_tokens;
  }

  it('runs only what the last answer and each turn add to the transcript', async () => {
    let transcript = HEADER;
    let known = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      const { choices, usage } = await complete(transcript);
      expect(usage?.prompt_tokens).toBe(1 + 6 * turn);
      expect(usage?.prompt_tokens_details?.cached_tokens).toBe(known < MIN_REUSED ? 0 : known);
      known = usage?.prompt_tokens ?? NaN;
      transcript += `${choices[0]?.text}b y g `;
    }
    expect(known).toBeGreaterThan(100);
    const counted = await scrape(server.url);
    const hits = counted('qsft_prefix_cache_hits_total');
    expect(hits / counted('qsft_prefix_cache_queries_total')).toBeGreaterThan(0.8);
  });

  it('counts a prompt once for all its answers, as the first of them found it', async () => {
    const prompt = HEADER + 's h i r e\nb y g g b\n'.repeat(3);
    expect(await cachedTokens(prompt, { n: 3 })).toBe(0);
    expect(await cachedTokens(prompt, { n: 3 })).toBe(30);
  });

  it('shares nothing between salts, nor with requests that have none', async () => {
    const prompt = HEADER + 'c r a n e\nb b g g b\n'.repeat(3);
    expect(await cachedTokens(prompt, { cache_salt: 'one' })).toBe(0);
    expect(await cachedTokens(prompt, { cache_salt: 'two' })).toBe(0);
    expect(await cachedTokens(prompt)).toBe(0);
    expect(await cachedTokens(prompt, { cache_salt: 'one' })).toBe(30);
  });

  it('keeps nothing when told so', async () => {
    const off = await startServerProcess([
      ...['--threads', '1', '--max-sequences', '2', '--prefix-cache', 'off'],
    ]);
    try {
      const prompt = HEADER + 's h i r e\nb y g g b\n'.repeat(3);
      for (const _ of ['first', 'second']) {
        const response = await fetch(`${off.url}/v1/completions`, {
          method: 'POST',
          body: JSON.stringify({ model: 'wordle', prompt, max_tokens: 1 }),
        });
        expect(await response.json()).toMatchObject({
          usage: { prompt_tokens: 31, prompt_tokens_details: { cached_tokens: 0 } },
        });
      }
    } finally {
      await off.stop('SIGKILL');
    }
  });
});
