// One token from a row of scores, exactly: no approximation of the distribution, no allocation per token.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { RankedIds } from './ranked-ids.ts';

/** What the graph scores tokens that no policy may emit: the lowest float32. */
export const reservedScore = -3.4028234663852886e38;

/** Exponents of a float64 between 0 and 1; a bin for each. */
const exponents = 1024;

export interface Truncation {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
}

export class Sampler {
  /** exp((score − max) / temperature) of the row at hand; its largest is 1. */
  readonly #probabilities: Float64Array;
  /** The same memory as 32-bit words, low first. */
  readonly #words: Uint32Array;
  readonly #ranked: RankedIds;
  readonly #binMass = new Float64Array(exponents);
  readonly #binCount = new Uint32Array(exponents);

  constructor(vocabularySize: number) {
    this.#probabilities = new Float64Array(vocabularySize);
    this.#words = new Uint32Array(this.#probabilities.buffer);
    this.#ranked = new RankedIds(vocabularySize);
  }

  /**
   * 1. Relative probabilities at the temperature (above 0: the graph's `argmax` serves 0).
   * 2. Keep the topK most probable; of those, the smallest leading set that holds topP of their mass.
   * 3. Of what is kept, in ascending id order, the first token whose cumulative mass exceeds draw · mass.
   */
  sample(scores: Float32Array, { temperature, topK, topP }: Truncation, draw: number): number {
    const mass = this.#weigh(scores, temperature);
    if (topK === 0 && topP === 1) return this.#pickFromAll(draw * mass);
    return this.#pickFromKept(this.#keep(mass, topK, topP), draw);
  }

  #weigh(scores: Float32Array, temperature: number): number {
    const probabilities = this.#probabilities;
    let highest = reservedScore;
    for (let id = 0; id < scores.length; id++) {
      const score = scores[id]!;
      if (score > highest) highest = score;
    }
    let mass = 0;
    for (let id = 0; id < scores.length; id++) {
      const score = scores[id]!;
      const probability = score > reservedScore ? Math.exp((score - highest) / temperature) : 0;
      probabilities[id] = probability;
      mass += probability;
    }
    return mass;
  }

  #pickFromAll(target: number): number {
    const probabilities = this.#probabilities;
    let cumulative = 0;
    let last = 0;
    for (let id = 0; id < probabilities.length; id++) {
      const probability = probabilities[id]!;
      if (probability === 0) continue;
      cumulative += probability;
      if (cumulative > target) return id;
      last = id;
    }
    return last;
  }

  /** The kept ids, ascending. */
  #keep(mass: number, topK: number, topP: number): Int32Array {
    const probabilities = this.#probabilities;
    const ranked = this.#ranked;
    ranked.rank(probabilities, this.#floorOfKept(mass, topK, topP));
    let count = topK === 0 ? probabilities.length : topK;
    let available = mass;
    if (topK > 0) {
      available = 0;
      for (let rank = 0; rank < topK && ranked.reveal(rank); rank++) {
        available += probabilities[ranked.at(rank)]!;
      }
    }
    if (topP < 1) {
      let cumulative = 0;
      let rank = 0;
      while (rank < count && cumulative < topP * available && ranked.reveal(rank)) {
        cumulative += probabilities[ranked.at(rank)]!;
        rank += 1;
      }
      count = rank;
    }
    return ranked.leading(count).sort();
  }

  /**
   * A power of two below which nothing is kept, so that few ids need ranking: tokens are binned by the exponent of their
   * probability, and the highest bins taken until they hold topK tokens, or topP of the mass and more than its rounding.
   */
  #floorOfKept(mass: number, topK: number, topP: number): number {
    const binMass = this.#binMass.fill(0);
    const binCount = this.#binCount.fill(0);
    const probabilities = this.#probabilities;
    for (let id = 0; id < probabilities.length; id++) {
      const exponent = (this.#words[2 * id + 1]! >>> 20) & 0x7ff;
      binMass[exponent]! += probabilities[id]!;
      binCount[exponent]! += 1;
    }
    const enoughMass = (topP + 1e-9) * mass;
    let cumulative = 0;
    let count = 0;
    for (let exponent = exponents - 1; exponent > 0; exponent--) {
      cumulative += binMass[exponent]!;
      count += binCount[exponent]!;
      if (topK > 0 ? count >= topK : cumulative > enoughMass) return 2 ** (exponent - 1023);
    }
    return 0;
  }

  #pickFromKept(kept: Int32Array, draw: number): number {
    const probabilities = this.#probabilities;
    let mass = 0;
    for (let index = 0; index < kept.length; index++) mass += probabilities[kept[index]!]!;
    const target = draw * mass;
    let cumulative = 0;
    for (let index = 0; index < kept.length; index++) {
      cumulative += probabilities[kept[index]!]!;
      if (cumulative > target) return kept[index]!;
    }
    return kept[kept.length - 1]!;
  }
}
