// Draws by the sums that the combination gives, against draws by the scores alone.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityGraph } from '../../src/onnx/identity-graph.ts';
import { Runtime } from '../../src/onnx/runtime.ts';
import { Session } from '../../src/onnx/session.ts';
import { Memory } from '../../src/onnx/tensor.ts';
import { combinationRuns } from '../../src/policy/graph-contract.ts';
import { HostScores } from '../../src/policy/host-scores.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { runLength, Sampler } from '../../src/policy/sample.ts';
import { StepOutputs } from '../../src/policy/step-outputs.ts';
import { uniform } from '../../src/policy/uniform.ts';
import { chiSquared, highestOf, keptWeights, noTruncation } from './sampling-cases.ts';
import { policyRow } from './tiny-policy.ts';

const vocabularySize = 4 * runLength;

const anyRow = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: fc.double({ min: -12, max: 12, noNaN: true }) },
      { weight: 1, arbitrary: fc.constant(reservedScore) },
    ),
    { minLength: vocabularySize, maxLength: vocabularySize },
  )
  .map((scores) => Float32Array.from([0, ...scores.slice(1)]));

/** As the combination sums them: in float32. */
function massesOf(scores: Float32Array): Float32Array {
  const weights = keptWeights(scores, noTruncation);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float32Array.from({ length: scores.length / runLength }, (_, run) =>
    weights
      .slice(run * runLength, (run + 1) * runLength)
      .reduce((sum, weight) => Math.fround(sum + weight / total), 0),
  );
}

describe('a draw by the sums of runs', () => {
  it('takes each token where its share of the row lies', () => {
    const sampler = new Sampler(vocabularySize);
    fc.assert(
      fc.property(anyRow, (scores) => {
        const weights = keptWeights(scores, noTruncation);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const masses = massesOf(scores);
        let before = 0;
        for (const [id, weight] of weights.entries()) {
          const middle = (before + weight / 2) / total;
          before += weight;
          // The sums are float32: lighter tokens lie within their rounding.
          if (weight < 1e-5 * total) continue;
          const drawn = sampler.sampleByRuns(scores, highestOf(scores), masses, middle);
          expect(drawn).toBe(id);
        }
      }),
      { seed: 1 },
    );
  });

  it('is distributed as the row', () => {
    const sampler = new Sampler(vocabularySize);
    const scores = Float32Array.from({ length: vocabularySize }, (_, id) => 3 * Math.sin(id));
    const masses = massesOf(scores);
    const counts = new Map<number, number>();
    for (let draw = 0; draw < 50_000; draw++) {
      const uniformDraw = uniform([7, 0], 0, draw);
      const id = sampler.sampleByRuns(scores, highestOf(scores), masses, uniformDraw);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(chiSquared(keptWeights(scores, noTruncation), counts)).toBeLessThan(1);
  });

  it('is for requests that leave π̂ as it is; others weigh the row', () => {
    const device = { kind: 'cpu' } as const;
    const runtime = new Runtime(null);
    const session = new Session(runtime, identityGraph(['float32']), { device, threads: 1 });
    const memory = new Memory(runtime, device, session);
    const runs = combinationRuns(vocabularySize);
    const outputs = new StepOutputs(memory, 1, vocabularySize, runs);
    const scores = new Float32Array(outputs.tensor('scores').hostBuffer()).fill(0);
    // Says falsely that all lies in the last run, to be found out by.
    const masses = outputs.runMasses;
    if (masses === null) throw new Error('The outputs have no sums.');
    new Float32Array(masses.hostBuffer()).set([0, 0, 0, 1]);
    new BigInt64Array(outputs.tensor('argmax').hostBuffer()).fill(0n);
    const host = new HostScores(outputs, new Sampler(vocabularySize));
    const draw = (changes: object): number[] =>
      Array.from({ length: 40 }, (_, drawn) => {
        const row = policyRow([4]);
        const sampling = { ...row.sampling, temperature: 1, ...changes };
        return host.draw(0, { ...row, drawn, sampling });
      });
    const inLastRun = (id: number) => id >= vocabularySize - runLength;
    expect(scores).toHaveLength(vocabularySize);
    expect(draw({}).every(inLastRun)).toBe(true);
    for (const change of [{ temperature: 0.9 }, { topK: 200 }, { topP: 0.99 }, { minP: 0.01 }]) {
      expect(draw(change).every(inLastRun)).toBe(false);
    }
    for (const owned of [outputs, memory, session, runtime]) owned.release();
  });
});

describe('combinationRuns', () => {
  it('are none where a vocabulary ends within a run', () => {
    expect(combinationRuns(49_152)).toBe(768);
    expect(combinationRuns(58)).toBe(0);
    expect(combinationRuns(50_257)).toBe(0);
  });
});
