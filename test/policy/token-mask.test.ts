import { describe, expect, it } from 'vitest';
import {
  closeBoard,
  createBoard,
  MaskWriter,
  TokenMask,
  wasLate,
} from '../../src/policy/token-mask.ts';

const NO_END = Number.POSITIVE_INFINITY;

function shared(timeoutMs: number) {
  const board = createBoard(40);
  return { board, doorbell: new SharedArrayBuffer(4), timeoutMs };
}

describe('TokenMask', () => {
  it('allows what the mask that follows its tokens allows', () => {
    const mask = shared(0);
    new MaskWriter(mask.board).publish(Int32Array.of(1 << 3, 1 << 1));
    const engine = new TokenMask(mask);
    expect(engine.wait(0, NO_END)).toBe('ready');
    const scores = new Float32Array(40).fill(1);
    expect(engine.apply(scores)).toBe(3);
    expect([...scores.keys()].filter((id) => scores[id] === 1)).toEqual([3, 33]);
  });

  it('gives up on a mask that does not come in time, and says so', () => {
    const mask = shared(1);
    expect(new TokenMask(mask).wait(0, NO_END)).toBe('never');
    expect(wasLate(mask.board)).toBe(true);
  });

  it('is asked again for a mask that is not there yet', () => {
    const mask = shared(60_000);
    const engine = new TokenMask(mask);
    expect(engine.wait(0, 0)).toBe('late');
    expect(wasLate(mask.board)).toBe(false);
    new MaskWriter(mask.board).publish(Int32Array.of(-1, -1));
    expect(engine.wait(0, 0)).toBe('ready');
  });

  it('gives up on a mask that has been asked for again and again for too long', () => {
    const mask = shared(5);
    const engine = new TokenMask(mask);
    const startMs = performance.now();
    while (engine.wait(0, 0) === 'late') expect(performance.now() - startMs).toBeLessThan(30_000);
    expect(wasLate(mask.board)).toBe(true);
  });

  it('changes the word that is waited on when it is closed, so that nobody begins to wait for it after all', () => {
    const mask = shared(60_000);
    const words = new Int32Array(mask.board);
    const seen = Atomics.load(words, 0);
    closeBoard(mask.board);
    expect(Atomics.wait(words, 0, seen, 0)).toBe('not-equal');
    expect(new TokenMask(mask).wait(0, NO_END)).toBe('never');
    expect(wasLate(mask.board)).toBe(false);
  });

  it('stays closed whatever is written later', () => {
    const mask = shared(60_000);
    const writer = new MaskWriter(mask.board);
    writer.publish(Int32Array.of(-1, -1));
    const engine = new TokenMask(mask);
    engine.record(5, 1);
    closeBoard(mask.board);
    expect(writer.takeToken()).toBeNull();
    writer.publish(Int32Array.of(-1, -1));
    expect(engine.wait(1, NO_END)).toBe('never');
  });
});
