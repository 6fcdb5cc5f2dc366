// A server of two real policies, reloaded while it answers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import { withDeadline } from '../deadline.ts';

let server: ServerProcess;
beforeAll(async () => {
  const models = ['--model', 'test/fixtures/tiny-policy', '--model', 'models/wordle'];
  server = await startServerProcess([...models, '--alias', 'game=wordle', '--threads', '1']);
});
afterAll(() => server.stop());

function complete(model: string, fields: object = {}): Promise<Response> {
  const body = { model, prompt: 'Wordle:\n', max_tokens: 5, seed: 1, ...fields };
  return fetch(`${server.url}/v1/completions`, { method: 'POST', body: JSON.stringify(body) });
}

async function states(): Promise<Record<string, string>> {
  const response = await fetch(`${server.url}/v1/models`);
  const { data } = (await response.json()) as { data: { id: string; state: string }[] };
  return Object.fromEntries(data.map(({ id, state }) => [id, state]));
}

describe('a server of several policies', () => {
  it('loads the second when it is asked for, by either name', async () => {
    expect(await states()).toEqual({ tiny: 'loaded', wordle: 'unloaded', game: 'unloaded' });
    const answers = await Promise.all(['tiny', 'wordle', 'game'].map((model) => complete(model)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await states()).toEqual({ tiny: 'loaded', wordle: 'loaded', game: 'loaded' });
  });

  it('reloads them without cutting an answer', async () => {
    const running = await complete('tiny', { n: 64, max_tokens: 50, stream: true });
    const reloaded = await fetch(`${server.url}/admin/reload`, { method: 'POST' });
    expect(reloaded.status).toBe(200);
    const text = await withDeadline('the stream to end', running.text());
    expect(text.match(/"finish_reason":"(stop|length)"/g)).toHaveLength(64);
    expect((await complete('game')).status).toBe(200);
  });
});
