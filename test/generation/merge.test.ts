import { describe, expect, it } from 'vitest';
import { merge } from '../../src/generation/merge.ts';
import { eventually, withDeadline } from '../deadline.ts';

async function* items<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of source) collected.push(item);
  return collected;
}

describe('merge', () => {
  it('gives every item of every source, each source in its own order', async () => {
    const merged = await withDeadline(
      'the items',
      collect(merge([items([1, 2, 3]), items([10, 20])])),
    );
    expect(merged.filter((item) => item < 10)).toEqual([1, 2, 3]);
    expect(merged.filter((item) => item >= 10)).toEqual([10, 20]);
  });

  it('ends at once without sources', async () => {
    expect(await collect(merge([]))).toEqual([]);
  });

  it('does not wait for a slow source to give what a fast one has', async () => {
    let release = () => {};
    async function* slow(): AsyncGenerator<string> {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      yield 'slow';
    }
    const merged = merge([slow(), items(['fast'])]);
    expect((await withDeadline('the fast item', merged.next())).value).toBe('fast');
    release();
    expect((await withDeadline('the slow item', merged.next())).value).toBe('slow');
  });

  it('fails with the first failure, after what came before it', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      throw new Error('broken');
    }
    const merged = merge([failing()]);
    expect((await merged.next()).value).toBe(1);
    await expect(merged.next()).rejects.toThrow('broken');
  });

  it('leaves its sources when it is left', async () => {
    let left = 0;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (;;) {
          yield 1;
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        left += 1;
      }
    }
    for await (const _ of merge([endless(), endless()])) break;
    await eventually('both sources to be left', () => left === 2);
  });
});
