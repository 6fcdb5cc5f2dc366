// exp for sampling: a token's weight beside that of the most probable one, several times faster than Math.exp.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.

const tableBits = 11;
const tableSize = 2 ** tableBits;
const tableMask = tableSize - 1;

/** Weights are 2^(−steps / tableSize). */
const stepsPerNat = tableSize / Math.LN2;

/** Below 2^−1022, where float64 has no normal numbers, a weight is 0. */
const endOfSteps = 1022 * tableSize;

const halvings = Float64Array.from({ length: 1023 }, (_, count) => 2 ** -count);
const fractions = Float64Array.from({ length: tableSize }, (_, step) => 2 ** (-step / tableSize));

// exp(t / stepsPerNat) for |t| ≤ 1/2, as far as float64 can tell: the next term is below 2^−54.
const linear = 1 / stepsPerNat;
const quadratic = linear ** 2 / 2;
const cubic = linear ** 3 / 6;

/** What a distance between two scores is multiplied by to become steps. */
export function stepsPerScore(temperature: number): number {
  // Finite, so that a distance of 0 stays 0 steps; every other is beyond the end of steps long before.
  return Math.min(stepsPerNat / temperature, Number.MAX_VALUE);
}

/** exp(−distance / temperature) for `steps` = distance · stepsPerScore(temperature), which is 0 or more. */
export function weightAt(steps: number): number {
  if (!(steps < endOfSteps)) return 0;
  const nearest = (steps + 0.5) | 0;
  const rest = nearest - steps;
  const exact = fractions[nearest & tableMask]! * halvings[nearest >> tableBits]!;
  return exact * (1 + rest * (linear + rest * (quadratic + rest * cubic)));
}
