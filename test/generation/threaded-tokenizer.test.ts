import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { ThreadedTokenizer } from '../../src/generation/threaded-tokenizer.ts';
import type { TokenizerThreadData } from '../../src/generation/tokenizer-messages.ts';
import { byteLevelTokenizer, wordTokenizer } from './tokenizers.ts';

const launched: Worker[] = [];

function launch(workerData: TokenizerThreadData): Worker {
  const file = new URL('../../dist/generation/tokenizer-worker.js', import.meta.url);
  const worker = new Worker(file, { workerData });
  launched.push(worker);
  return worker;
}

const local = byteLevelTokenizer();
const tokenizer = new ThreadedTokenizer(local, launch);
afterAll(() => tokenizer.close());

const LONG = 'the cat é 😀 '.repeat(3000);

describe('ThreadedTokenizer', () => {
  it('starts no thread for short texts', () => {
    expect(tokenizer.encode('a cat')).toEqual(local.encode('a cat'));
    expect(launched).toHaveLength(0);
  });

  it('encodes long texts as the tokenizer does, while the event loop goes on turning', async () => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    turn();
    const ids = await tokenizer.encode(LONG);
    isOver = true;
    expect(ids).toEqual(local.encode(LONG));
    expect(turns).toBeGreaterThan(20);
  });

  it('takes many short texts at once for a long one', async () => {
    const texts = Array.from({ length: 40 }, (_, at) => `text ${at} ${'x'.repeat(100)}`);
    const encoded = texts.map((text) => tokenizer.encode(text));
    expect(encoded.filter((ids) => ids instanceof Promise).length).toBeGreaterThan(10);
    expect(await Promise.all(encoded)).toEqual(texts.map((text) => local.encode(text)));
  });

  it('tells how long each text took, be it encoded here or on the thread', async () => {
    const seconds: number[] = [];
    const timed = new ThreadedTokenizer(local, launch, (took) => seconds.push(took));
    await timed.encode('a cat');
    expect(seconds).toHaveLength(1);
    const startMs = performance.now();
    await timed.encode(LONG);
    expect(seconds).toHaveLength(2);
    expect(seconds[1]).toBeGreaterThan(0);
    expect(seconds[1]).toBeLessThanOrEqual((performance.now() - startMs) / 1000);
    await timed.close();
  });

  it('refuses long texts as it does short ones', async () => {
    const words = new ThreadedTokenizer(wordTokenizer(), launch);
    const refused = Promise.resolve(words.encode(`${'a b '.repeat(2000)}S h`));
    await expect(refused).rejects.toMatchObject({ code: 'invalid_request', param: 'prompt' });
    await words.close();
  });

  it('starts another thread when one has died, which fails what it was at', async () => {
    const idle = new Worker('setInterval(() => {}, 1000)', { eval: true });
    const threads = [idle];
    const restarted = new ThreadedTokenizer(local, (data) => threads.shift() ?? launch(data));
    const lost = Promise.resolve(restarted.encode(LONG));
    await idle.terminate();
    await expect(lost).rejects.toThrow('The tokenizer thread ended');
    expect(await restarted.encode(LONG)).toEqual(local.encode(LONG));
    await restarted.close();
  });
});
