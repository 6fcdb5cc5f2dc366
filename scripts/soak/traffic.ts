// What a soak test asks of a server: every kind of request that leaves something behind when it is handled carelessly.
// Each client plays one growing conversation, whose turns take the kinds in order.
import { type ServedModel, servedModel } from '../served-model.ts';

export interface Traffic {
  readonly url: string;
  readonly clients: number;
  /** Between a client's requests. */
  readonly pauseMs: number;
  readonly onRequest: () => void;
  /** An answer that is not what the request should get, or none. */
  readonly onFailure: (message: string) => void;
}

interface Kind {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The client goes away early: after the first piece of a stream, or before any of the answer. */
  readonly reading?: 'first piece' | 'nothing';
  readonly status?: number;
}

const penalties = { repetition_penalty: 1.2, presence_penalty: 0.5, logit_bias: { 5: 2 } };
const kinds: readonly Kind[] = [
  { fields: { logprobs: 2 } },
  { fields: { stream: true } },
  { fields: { n: 8, temperature: 0.7 } },
  { fields: { stream: true }, reading: 'first piece' },
  { fields: { echo: true, logprobs: 1 } },
  { fields: { stream: false }, reading: 'nothing' },
  { fields: { ...penalties, stop: '\n', stream: true, stream_options: { include_usage: true } } },
  { fields: { model: 'no-such-model' }, status: 404 },
  { fields: { prompt: ['Wordle:\n', 'Wordle:\n'], n: 2, stream: true } },
  { fields: { top_p: 0.9, top_k: 20, ignore_eos: true, priority: 1 } },
  { fields: { temperature: 'warm' }, status: 400 },
];
const tooLong: Kind = { fields: {}, status: 400 };
// As many of each that no two lists keep step with each other.
const betas = [0, 1, 64, 4096];
const policies = [{}, { extraction: 'entropy' }, { q: 'ratio' }] as const;
const salts = [null, null, null, 'a', 'b'];
const guesses = ['s h i r e\nb y g g b\n', 't i t l e\nb b y b g\n', 'r a i s e\ng b b y b\n'];
const tokensPerGuess = 10;
const answerTokens = 6;
const TOO_MANY_REQUESTS = 429;

export async function runTraffic(traffic: Traffic, until: number): Promise<void> {
  const model = await servedModel(traffic.url);
  await Promise.all(
    Array.from({ length: traffic.clients }, (_, client) => converse(traffic, model, client, until)),
  );
}

async function converse(
  traffic: Traffic,
  model: ServedModel,
  client: number,
  until: number,
): Promise<void> {
  let turns = 0;
  for (let count = client; performance.now() < until; count++) {
    const transcript = Array.from({ length: turns }, (_, turn) => pick(guesses, client + turn));
    // The turn that does not fit any more is refused, and the conversation starts over.
    const isFull = 1 + turns * tokensPerGuess + answerTokens > model.max_model_len;
    const kind = isFull ? tooLong : pick(kinds, count);
    const body = {
      model: model.id,
      prompt: `Wordle:\n${transcript.join('')}`,
      max_tokens: answerTokens,
      seed: count,
      beta: pick(betas, count),
      cache_salt: pick(salts, client),
      ...pick(policies, count),
      ...kind.fields,
    };
    try {
      await send(traffic.url, JSON.stringify(body), kind);
    } catch (error) {
      const { message, cause } = error instanceof Error ? error : new Error(String(error));
      traffic.onFailure(cause === undefined ? message : `${message}: ${cause}`);
    }
    traffic.onRequest();
    turns = isFull ? 0 : turns + 1;
    await new Promise((resolve) => setTimeout(resolve, traffic.pauseMs));
  }
}

async function send(url: string, body: string, { reading, status }: Kind): Promise<void> {
  const abort = new AbortController();
  const answer = fetch(`${url}/v1/completions`, { method: 'POST', body, signal: abort.signal });
  if (reading === 'nothing') {
    setTimeout(() => abort.abort(), 2);
    // Whether the answer or the end came first.
    await answer.then((response) => response.text()).catch(() => undefined);
    return;
  }
  const response = await answer;
  if (response.status !== TOO_MANY_REQUESTS && response.status !== (status ?? 200)) {
    throw new Error(`${body} was answered with ${response.status}: ${await response.text()}`);
  }
  if (reading === 'first piece') {
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
  } else {
    await response.text();
  }
}

function pick<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}
