// One loaded policy: a step of both models for a batch, then one token a row. It knows slots and rows, no requests.
import type { KvCache } from './kv-cache.ts';
import type { PolicyManifest } from './manifest.ts';
import type { SamplingParameters } from './parameters.ts';
import { bestToken, Sampler } from './sample.ts';
import type { ScoreEdits } from './score-edits.ts';
import { lastScored, type StepBatch, type StepRow, tokensRun } from './step-batch.ts';
import type { StepGraph } from './step-graph.ts';
import type { StepScores } from './step-outputs.ts';
import type { TokenMask } from './token-mask.ts';
import { uniform } from './uniform.ts';

export interface PolicyRow extends StepRow {
  readonly sampling: SamplingParameters;
  /** Tokens drawn for this row so far: the counter of its next draw. */
  readonly drawn: number;
  /** Null leaves the scores as the models gave them. */
  readonly edits: ScoreEdits | null;
  /** Which tokens may be drawn; null allows all. */
  readonly mask: TokenMask | null;
}

/** Instead of a token, for a row whose mask never came or left none. */
export const noToken = -2;

export interface PolicyStep {
  readonly scores: StepScores;
  /** By row: the token drawn, −1 when the row still has tokens to run, or `noToken`. Valid until the next step. */
  readonly tokens: Int32Array;
}

export interface PolicyParts {
  readonly manifest: PolicyManifest;
  readonly cache: KvCache;
  readonly graph: StepGraph;
  readonly maxSequences: number;
  readonly device: string;
  readonly release: () => void;
}

export class Policy {
  readonly manifest: PolicyManifest;
  readonly cache: KvCache;
  readonly device: string;
  readonly #graph: StepGraph;
  readonly #sampler: Sampler;
  /** The scores of the row at hand, where a request changes them. */
  readonly #edited: Float32Array;
  readonly #tokens: Int32Array;
  readonly #release: () => void;

  constructor(parts: PolicyParts) {
    this.manifest = parts.manifest;
    this.cache = parts.cache;
    this.device = parts.device;
    this.#graph = parts.graph;
    this.#release = parts.release;
    this.#sampler = new Sampler(parts.manifest.vocab_size);
    this.#edited = new Float32Array(parts.manifest.vocab_size);
    this.#tokens = new Int32Array(parts.maxSequences);
  }

  step(batch: StepBatch<PolicyRow>): PolicyStep {
    const scores = this.#graph.run(batch);
    const tokens = this.#tokens;
    for (const [index, row] of batch.rows.entries()) {
      const isComplete = row.past + tokensRun(row, batch.width) === row.length;
      tokens[index] = isComplete ? this.#draw(scores, lastScored(batch, row, index), row) : -1;
    }
    return { scores, tokens };
  }

  release(): void {
    this.#release();
  }

  #draw(outputs: StepScores, position: number, row: PolicyRow): number {
    const combined = outputs.scores[position];
    const logNormalizer = outputs.logNormalizer[position];
    const argmax = outputs.argmaxWords[2 * position];
    if (combined === undefined || logNormalizer === undefined || argmax === undefined) {
      throw new Error(`Position ${position} was not scored.`);
    }
    const { sampling, drawn, edits, mask } = row;
    const isEdited = edits?.isActive === true;
    let scores = isEdited ? this.#edit(edits, combined, logNormalizer) : combined;
    let best = argmax;
    if (mask !== null) {
      if (!mask.wait(drawn)) return noToken;
      if (!isEdited) scores = this.#copy(combined);
      best = mask.apply(scores);
      // What the mask allows comes before all that a request may forbid beside it.
      if (best === -1) best = mask.apply(this.#copy(combined));
      if (best === -1) return noToken;
    } else if (isEdited) {
      best = bestToken(scores);
    }
    if (sampling.temperature === 0) return best;
    const draw = uniform(sampling.seed, sampling.choice, drawn);
    return this.#sampler.sample(scores, scores[best] ?? 0, sampling, draw);
  }

  /** A copy, valid until the next: what is reported of the combined scores stays as it was. */
  #edit(edits: ScoreEdits, combined: Float32Array, logNormalizer: number): Float32Array {
    const edited = this.#copy(combined);
    edits.apply(edited, logNormalizer);
    return edited;
  }

  #copy(combined: Float32Array): Float32Array {
    this.#edited.set(combined);
    return this.#edited;
  }
}
