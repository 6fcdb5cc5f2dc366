// Scores that stay on a device, here with the CPU as the device: read and drawn from as where the host can see them.
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { drawGraph } from '../../src/policy/draw-graph.ts';
import type { SamplingParameters } from '../../src/policy/parameters.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import {
  anyDraw,
  anyTruncation,
  chiSquared,
  keptWeights,
  normalScores,
  noTruncation,
} from './sampling-cases.ts';
import { ScoredRows } from './scored-rows.ts';

/** Rows of two runs and of an odd length; eighths make ties common, at the last candidate too. */
const vocabularySize = 300;
const anyRow = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: -240, max: 80 }).map((eighths) => eighths / 8) },
      { weight: 1, arbitrary: fc.constant(reservedScore) },
    ),
    { minLength: vocabularySize - 1, maxLength: vocabularySize - 1 },
  )
  // One token at least may be drawn.
  .map((scores) => Float32Array.of(...scores, 0));

const anySampling: fc.Arbitrary<SamplingParameters> = fc
  .record({
    truncation: fc.oneof(fc.constant(noTruncation), anyTruncation),
    isGreedy: fc.boolean(),
    seed: fc.tuple(fc.nat(), fc.nat()),
  })
  .map(({ truncation, isGreedy, seed }) => ({
    ...truncation,
    ...(isGreedy ? { temperature: 0 } : {}),
    seed,
    choice: 0,
  }));

describe.each([1, 8, 64, vocabularySize])(
  'scores on a device, with %i candidates',
  (candidates) => {
    const rows = new ScoredRows(vocabularySize, 4, candidates);
    afterAll(() => rows.release());

    it('give the tokens that the host draws, and say the same of them', () => {
      const anyStep = fc.array(fc.tuple(anyRow, anySampling), { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(anyStep, (step) => {
          const drawing = rows.write(
            step.map(([row]) => row),
            step.map(([, sampling]) => sampling),
          );
          for (const [position, row] of drawing.entries()) {
            const token = rows.device.draw(position, row);
            expect(token).toBe(rows.host.draw(position, row));
            expect(rows.device.rate(position, token)).toEqual(rows.host.rate(position, token));
          }
        }),
        { numRuns: 150 },
      );
    });

    it('give the alternatives, and whatever else is said of a position', () => {
      fc.assert(
        fc.property(anyRow, fc.integer({ min: 0, max: 30 }), (row, count) => {
          const sampling = { ...noTruncation, seed: [1, 2] as const, choice: 0 };
          rows.write([row, row], [sampling, sampling]);
          const top = rows.host.top(1, count);
          expect(rows.device.top(1, count)).toEqual(top);
          for (const id of [...top, 299])
            expect(rows.device.rate(1, id)).toEqual(rows.host.rate(1, id));
          expect(rows.device.logNormalizer(1)).toBe(rows.host.logNormalizer(1));
          expect(rows.device.kl(1)).toBe(rows.host.kl(1));
          expect(rows.device.movesArgmax(1)).toBe(rows.host.movesArgmax(1));
          const [mine, its] = [new Float32Array(vocabularySize), new Float32Array(vocabularySize)];
          rows.device.copyScores(1, mine);
          rows.host.copyScores(1, its);
          expect(mine).toEqual(its);
        }),
        { numRuns: 50 },
      );
    });
  },
);

describe('the graph that draws on a device', () => {
  it('draws from the exact distribution, by a chi-squared test', () => {
    const positions = 250;
    const scores = normalScores(300);
    const rows = new ScoredRows(scores.length, positions);
    const counts = new Map<number, number>();
    for (let round = 0; round < 100; round++) {
      const samplings = Array.from({ length: positions }, (_, index) => ({
        ...noTruncation,
        seed: [index, 5] as const,
        choice: round,
      }));
      const drawing = rows.write(Array(positions).fill(scores), samplings);
      for (const [position, row] of drawing.entries()) {
        const token = rows.device.draw(position, row);
        counts.set(token, (counts.get(token) ?? 0) + 1);
      }
    }
    expect(chiSquared(keptWeights(scores, noTruncation), counts)).toBeLessThan(1);
    rows.release();
  });

  it('draws the token at whose weight the draw is, to rounding, at both ends of a draw too', () => {
    const rows = new ScoredRows(vocabularySize, 1);
    const graph = rows.graph(drawGraph(vocabularySize), { draws: 3, readings: 8 });
    const draws = new Float64Array(graph.hostBuffer('draws'));
    const readings = new Float64Array(graph.hostBuffer('readings'));
    const anyTemperature = fc.constantFrom(1e-300, 0.01, 0.25, 1, 1.7, 1e38);
    fc.assert(
      fc.property(anyRow, anyTemperature, anyDraw, (row, temperature, draw) => {
        rows.write([row], [{ ...noTruncation, seed: [0, 0], choice: 0 }]);
        draws.set([1 / temperature, draw, -1]);
        graph.run(1);
        const token = readings[0] ?? NaN;
        const weights = keptWeights(row, { ...noTruncation, temperature });
        const massOf = (count: number) =>
          weights.slice(0, count).reduce((sum, weight) => sum + weight, 0);
        const target = draw * massOf(vocabularySize);
        expect(weights[token]).toBeGreaterThan(0);
        expect(massOf(token)).toBeLessThanOrEqual(target * (1 + 1e-13) + 1e-200);
        expect(massOf(token + 1)).toBeGreaterThanOrEqual(target * (1 - 1e-13));
        expect(readings[1]).toBeCloseTo(massOf(vocabularySize), 8);
      }),
      { numRuns: 300 },
    );
    graph.release();
    rows.release();
  });

  it('refuses to be read where nothing was scored', () => {
    const rows = new ScoredRows(4, 2);
    rows.write([Float32Array.of(1, 2, 3, 4)], [{ ...noTruncation, seed: [0, 0], choice: 0 }]);
    expect(() => rows.device.kl(1)).toThrow('Position 1 was not scored.');
    rows.release();
  });
});

describe('of a vocabulary of 49,152 tokens, what leaves the device', () => {
  const size = 49_152;
  const scores = normalScores(size).map((score) => 2 * score);
  const rows = new ScoredRows(size, 2);
  afterAll(() => rows.release());

  function hostBytes(changes: Partial<SamplingParameters>, alternatives: number | null): number {
    const sampling = { ...noTruncation, seed: [1, 1] as const, choice: 0, ...changes };
    const drawing = rows.write([scores, scores], [sampling, sampling]);
    for (const [position, row] of drawing.entries()) {
      const token = rows.device.draw(position, row);
      rows.device.rate(position, token);
      if (alternatives !== null) rows.device.top(position, alternatives);
    }
    return rows.device.hostBytes / drawing.length;
  }

  it('is 64 bytes a sequence and step, drawn or greedy', () => {
    expect(hostBytes({}, null)).toBe(64);
    expect(hostBytes({ temperature: 0 }, null)).toBe(64);
  });

  it.each<[string, Partial<SamplingParameters>, number | null]>([
    ['20 alternatives', {}, 20],
    ['top_k', { topK: 200 }, null],
    ['top_p', { topP: 0.5, temperature: 0.5 }, null],
    ['min_p', { minP: 0.3, temperature: 0.5 }, null],
  ])('is less than 4 KiB with %s', (_, changes, alternatives) => {
    expect(hostBytes(changes, alternatives)).toBeLessThan(4096);
  });

  it('is the row only when truncation keeps more than all candidates', () => {
    expect(hostBytes({ topK: 1000 }, null)).toBeGreaterThan(4 * size);
  });
});
