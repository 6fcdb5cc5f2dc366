// Times one draw from a row of a large vocabulary against the plain definition of it, in one run:
// npm run bench:sampling -- [--vocabulary 49152]
import { parseArgs } from 'node:util';
import { Sampler, type Truncation } from '../../src/policy/sample.ts';
import { uniform } from '../../src/policy/uniform.ts';

const { values: flags } = parseArgs({
  options: {
    vocabulary: { type: 'string', default: '49152' },
    rows: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '30' },
  },
});

const vocabularySize = Number(flags.vocabulary);
const all: Truncation = { temperature: 1, topK: 0, topP: 1, minP: 0 };
const settings: Record<string, Truncation> = {
  'the whole row': all,
  'top_k 40': { ...all, topK: 40 },
  'top_k 2000': { ...all, topK: 2000 },
  'top_p 0.9': { ...all, topP: 0.9 },
  'min_p 0.05': { ...all, minP: 0.05 },
  'top_k 40, top_p 0.9': { ...all, topK: 40, topP: 0.9 },
};

interface Row {
  readonly scores: Float32Array;
  readonly highest: number;
}

/** Scores as a model's: normal with this deviation. 1 is a flat row, 3 has most of its mass on some hundred tokens. */
function rowsOf(deviation: number): Row[] {
  return Array.from({ length: Number(flags.rows) }, (_, row) => {
    const scores = Float32Array.from({ length: vocabularySize }, (__, id) => {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform([row, 0], 0, id)));
      return deviation * radius * Math.cos(2 * Math.PI * uniform([row, 0], 1, id));
    });
    return { scores, highest: scores.reduce((most, score) => Math.max(most, score)) };
  });
}

/** The definition of a draw from the whole row, as plain as it can be without allocating. */
function samplePlainly({ scores, highest }: Row, weights: Float64Array, draw: number): number {
  let mass = 0;
  for (let id = 0; id < scores.length; id++) {
    const weight = Math.exp((scores[id] ?? 0) - highest);
    weights[id] = weight;
    mass += weight;
  }
  const target = draw * mass;
  let cumulative = 0;
  for (let id = 0; id < weights.length; id++) {
    cumulative += weights[id] ?? 0;
    if (cumulative > target) return id;
  }
  return weights.length - 1;
}

type Draw = (row: Row, draw: number) => number;

/** Microseconds a row, each row's fastest of all rounds: both draws are timed row by row, in turn. */
function compare(rows: readonly Row[], draws: readonly [Draw, Draw]): [number, number] {
  const totals: [number, number] = [0, 0];
  for (const [index, row] of rows.entries()) {
    const fastest: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const side of [0, 1] as const) {
        const startMs = performance.now();
        draws[side](row, uniform([9, 0], round, index));
        fastest[side] = Math.min(fastest[side], 1000 * (performance.now() - startMs));
      }
    }
    for (const side of [0, 1] as const) totals[side] += fastest[side] / rows.length;
  }
  return totals;
}

console.log('| deviation | sampling | plain, µs a row | µs a row | ratio |\n|---|---|---|---|---|');
for (const deviation of [1, 3]) {
  const rows = rowsOf(deviation);
  const weights = new Float64Array(vocabularySize);
  const sampler = new Sampler(vocabularySize);
  for (const [name, truncation] of Object.entries(settings)) {
    const [plain, own] = compare(rows, [
      (row, draw) => samplePlainly(row, weights, draw),
      ({ scores, highest }, draw) => sampler.sample(scores, highest, truncation, draw),
    ]);
    const cells = [deviation, name, plain.toFixed(0), own.toFixed(0), (plain / own).toFixed(1)];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
