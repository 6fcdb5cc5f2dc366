// One loaded policy: a step of both models for a batch, then one token a row. It knows slots and rows, no requests.
import type { KvCache } from './kv-cache.ts';
import type { PolicyManifest } from './manifest.ts';
import type { SamplingParameters } from './parameters.ts';
import { Sampler } from './sample.ts';
import { type StepBatch, type StepRow, tokensRun } from './step-batch.ts';
import type { StepGraph } from './step-graph.ts';
import type { StepScores } from './step-outputs.ts';
import { uniform } from './uniform.ts';

export interface PolicyRow extends StepRow {
  readonly sampling: SamplingParameters;
  /** Tokens drawn for this row so far: the counter of its next draw. */
  readonly drawn: number;
}

export interface PolicyStep {
  readonly scores: StepScores;
  /** By row: the token drawn, or −1 when the row still has tokens to run. Valid until the next step. */
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
  readonly #tokens: Int32Array;
  readonly #release: () => void;

  constructor(parts: PolicyParts) {
    this.manifest = parts.manifest;
    this.cache = parts.cache;
    this.device = parts.device;
    this.#graph = parts.graph;
    this.#release = parts.release;
    this.#sampler = new Sampler(parts.manifest.vocab_size);
    this.#tokens = new Int32Array(parts.maxSequences);
  }

  step(batch: StepBatch<PolicyRow>): PolicyStep {
    const scores = this.#graph.run(batch);
    const tokens = this.#tokens;
    for (const [index, row] of batch.rows.entries()) {
      const count = tokensRun(row, batch.width);
      const isComplete = row.past + count === row.length;
      const position = batch.scoring === 'every' ? count - 1 : index;
      tokens[index] = isComplete ? this.#draw(scores, position, row) : -1;
    }
    return { scores, tokens };
  }

  release(): void {
    this.#release();
  }

  #draw(outputs: StepScores, position: number, { sampling, drawn }: PolicyRow): number {
    const scores = outputs.scores[position];
    const greedy = outputs.argmaxWords[2 * position];
    if (scores === undefined || greedy === undefined) {
      throw new Error(`Position ${position} was not scored.`);
    }
    if (sampling.temperature === 0) return greedy;
    return this.#sampler.sample(scores, sampling, uniform(sampling.seed, sampling.choice, drawn));
  }
}
