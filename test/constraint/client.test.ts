// The threads that know grammars: what kills them, and whom that concerns.
import type { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createConstraints } from '../../src/constraint/client.ts';
import { TokenMask } from '../../src/policy/token-mask.ts';
import { withDeadline } from '../deadline.ts';
import { seededRandom } from '../random.ts';
import { CHARACTERS, launchBuilt, open, openConstraints, writeText } from './writer.ts';

const DIGITS = { type: 'grammar', grammar: 'root ::= [0-9]{3}' } as const;

describe('constraints', () => {
  it('lose the texts of a thread that is killed, and open others on its successor', async () => {
    const workers: Worker[] = [];
    let openTexts = 0;
    const constraints = createConstraints(
      {
        vocabulary: CHARACTERS,
        compileTimeoutMs: 20_000,
        queueLimit: 32,
        onChange: (change) => {
          openTexts += change;
        },
      },
      (data) => {
        const worker = launchBuilt(data);
        workers.push(worker);
        return worker;
      },
    );
    const text = await open(constraints, DIGITS);
    const mask = new TokenMask(text.mask);
    expect(mask.wait(0, Number.POSITIVE_INFINITY)).toBe('ready');
    expect([workers.length, openTexts]).toEqual([2, 1]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    mask.record(20, 1);
    expect(mask.wait(1, Number.POSITIVE_INFINITY)).toBe('never');
    text.release();
    text.release();
    expect(openTexts).toBe(0);
    expect(await writeText(constraints, DIGITS, seededRandom(1))).toMatch(/^[0-9]{3}$/);
    expect(openTexts).toBe(0);
    await constraints.close();
  });

  it('try what they do not know where no running text is harmed', async () => {
    const constraints = openConstraints(2000);
    const running = await open(constraints, DIGITS);
    for (const grammar of ['root ::= ', 'root ::= ((([a-z]{100}){100}){100}){100}']) {
      await expect(open(constraints, { type: 'grammar', grammar })).rejects.toMatchObject({
        code: 'invalid_request',
        param: 'it',
      });
    }
    const mask = new TokenMask(running.mask);
    mask.record(CHARACTERS.tokens.indexOf('7'), 1);
    expect(mask.wait(1, Number.POSITIVE_INFINITY)).toBe('ready');
    running.release();
    await constraints.close();
  });

  it('release the texts of a signal that is aborted', async () => {
    const constraints = openConstraints();
    const controller = new AbortController();
    const [text] = await constraints.open(DIGITS, 1, 'it', controller.signal);
    if (text === undefined) throw new Error('no text');
    controller.abort();
    expect(new TokenMask(text.mask).wait(0, Number.POSITIVE_INFINITY)).toBe('never');
    await expect(constraints.open(DIGITS, 1, 'it', controller.signal)).rejects.toMatchObject({
      code: 'request_cancelled',
    });
    await constraints.close();
  });

  it('let go of a request that is aborted, whatever is being compiled before it', async () => {
    const constraints = openConstraints();
    const slow = open(constraints, {
      type: 'grammar',
      grammar: 'root ::= ((([a-z]{100}){100}){100}){100}',
    }).catch((error: unknown) => error);
    const controller = new AbortController();
    const waiting = constraints.open(DIGITS, 1, 'it', controller.signal);
    controller.abort();
    await expect(withDeadline('the refusal', waiting)).rejects.toMatchObject({
      code: 'request_cancelled',
    });
    await withDeadline('the end', constraints.close());
    await withDeadline('the other refusal', slow);
  });

  it('refuse what would wait behind as many as may', async () => {
    const constraints = createConstraints(
      { vocabulary: CHARACTERS, compileTimeoutMs: 20_000, queueLimit: 1, onChange: () => {} },
      launchBuilt,
    );
    const first = open(constraints, DIGITS);
    const second = open(constraints, { type: 'grammar', grammar: 'root ::= "a"' });
    await expect(second).rejects.toMatchObject({
      code: 'queue_full',
      message: 'The queue is full: 1 grammars are waiting to be compiled, and no more may.',
    });
    await withDeadline('the first', first);
    await constraints.close();
  });

  it('are refused where tokens are no pieces of text', async () => {
    const none = createConstraints({
      vocabulary: null,
      compileTimeoutMs: 1000,
      queueLimit: 32,
      onChange: () => {},
    });
    const refused = none.open(DIGITS, 1, 'it', new AbortController().signal);
    await expect(refused).rejects.toMatchObject({ code: 'invalid_request', param: 'it' });
  });

  it('can be closed while a grammar is being tried', async () => {
    const constraints = openConstraints();
    const grammar = 'root ::= ((([a-z]{100}){100}){100}){100}';
    const opening = open(constraints, { type: 'grammar', grammar }).catch(
      (error: unknown) => error,
    );
    await withDeadline('the end', constraints.close());
    await withDeadline('the refusal', opening);
  });
});
