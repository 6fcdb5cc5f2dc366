// The graph that draws a token for each scored position where its scores lie, and says of it what a step reports: so that
// no row of the vocabulary leaves a device. In float64 and over the whole vocabulary, like `sample.ts`.
import { graphBytes } from '../onnx/graph-bytes.ts';
import { parseNodes } from '../onnx/graph-text.ts';
import { reservedScore } from './reserved-score.ts';

/** Tokens whose weights are summed together, so that a draw searches the sums and then one run; CumSum is quadratic on CUDA. */
const runLength = 256;

/** What the graph takes for each position, in this order. */
export const drawColumns = ['inverseTemperature', 'uniform', 'given'] as const;

/** What it gives for each position, in this order. */
export const readingColumns = [
  'token',
  'mass',
  'betterForBehavior',
  'score',
  'behaviorLogprob',
  'valueProb',
  'logNormalizer',
  'kl',
] as const;

// N positions, V tokens, R runs of L tokens. `given` is the token to report of, or −1 for the one that is drawn: the first
// in id order whose cumulative weight exceeds uniform · mass. Rounding may leave none in its run; then it is the last with
// weight. What the run's CumSum and ReduceSum say differs by rounding. No maximum is taken: on CUDA that needs cuDNN.
// 7 is int64, 11 float64.
const nodes = `
  inverse_temperature, uniform, given = Split <axis = 1> (draws)
  best_id = Unsqueeze (argmax, row_axis)
  wide = Cast <to = 11> (scores)
  highest = GatherElements <axis = 1> (wide, best_id)
  distance = Sub (wide, highest)
  exponent = Mul (distance, inverse_temperature)
  unmasked_weights = Exp (exponent)
  is_open = Greater (scores, reserved_score)
  open = Cast <to = 11> (is_open)
  weights = Mul (unmasked_weights, open)
  padded = Pad (weights, padding)
  runs = Reshape (padded, by_runs)

  run_masses = ReduceSum <keepdims = 0> (runs, last_axis)
  run_ends = CumSum (run_masses, axis)
  run_starts = CumSum <exclusive = 1> (run_masses, axis)
  mass = Gather <axis = 1> (run_ends, last_run)
  share = Mul (mass, uniform)
  target = Max (share, negligible)
  is_run_before = LessOrEqual (run_ends, target)
  run_before = Cast <to = 11> (is_run_before)
  run = ReduceSum (run_before, row_axis)
  run_index = Cast <to = 7> (run)

  run_weights = GatherND <batch_dims = 1> (runs, run_index)
  run_start = GatherElements <axis = 1> (run_starts, run_index)
  within = CumSum (run_weights, axis)
  ends = Add (run_start, within)
  is_before = LessOrEqual (ends, target)
  before = Cast <to = 11> (is_before)
  beyond_target = ReduceSum (before, row_axis)
  rests = CumSum <reverse = 1> (run_weights, axis)
  has_rest = Greater (rests, negligible)
  rest = Cast <to = 11> (has_rest)
  beyond_weight = ReduceSum (rest, row_axis)
  last_place = Sub (beyond_weight, one)
  place = Min (beyond_target, last_place)
  run_id = Mul (run, run_length)
  drawn = Add (run_id, place)

  is_drawn = Less (given, zero)
  token = Where (is_drawn, drawn, given)
  id = Cast <to = 7> (token)
  score = GatherElements <axis = 1> (scores, id)
  behavior_logprob = GatherElements <axis = 1> (behavior_logprobs, id)
  value_prob = GatherElements <axis = 1> (value_probs, id)
  best_behavior_logprob = GatherElements <axis = 1> (behavior_logprobs, best_id)
  is_better = Greater (behavior_logprobs, best_behavior_logprob)
  better = Cast <to = 11> (is_better)
  moves = ReduceSum (better, row_axis)
  log_normalizer_column = Unsqueeze (log_normalizer, row_axis)
  kl_column = Unsqueeze (kl, row_axis)
  narrow = Concat <axis = 1> (score, behavior_logprob, value_prob, log_normalizer_column, kl_column)
  said = Cast <to = 11> (narrow)
  readings = Concat <axis = 1> (token, mass, moves, said)
`;

export function drawGraph(vocabularySize: number): Uint8Array {
  const runs = Math.ceil(vocabularySize / runLength);
  const padding = runs * runLength - vocabularySize;
  return graphBytes({
    name: 'draw',
    inputs: {
      scores: 'float32',
      behavior_logprobs: 'float32',
      value_probs: 'float32',
      log_normalizer: 'float32',
      kl: 'float32',
      argmax: 'int64',
      draws: 'float64',
    },
    outputs: { readings: 'float64' },
    constants: {
      reserved_score: { type: 'float32', shape: [], values: [reservedScore] },
      padding: { type: 'int64', shape: [4], values: [0, 0, 0, padding] },
      // 0 keeps the number of positions.
      by_runs: { type: 'int64', shape: [3], values: [0, runs, runLength] },
      axis: { type: 'int64', shape: [], values: [1] },
      row_axis: { type: 'int64', shape: [1], values: [1] },
      last_run: { type: 'int64', shape: [1], values: [runs - 1] },
      last_axis: { type: 'int64', shape: [1], values: [2] },
      zero: { type: 'float64', shape: [], values: [0] },
      // No draw but 0 comes near it. `relative-weight.ts` counts what has no normal number as 0; here it is passed by.
      negligible: { type: 'float64', shape: [], values: [2 ** -900] },
      one: { type: 'float64', shape: [], values: [1] },
      run_length: { type: 'float64', shape: [], values: [runLength] },
    },
    nodes: parseNodes(nodes),
  });
}
