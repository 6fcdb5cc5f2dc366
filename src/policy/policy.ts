// One loaded policy: a step of both models for a batch, then one token a row. It knows slots and rows, no requests.
import type { KvCache } from './kv-cache.ts';
import type { PolicyManifest } from './manifest.ts';
import type { PolicyRow } from './policy-row.ts';
import { bestToken, type Sampler } from './sample.ts';
import { drawingRows, lastScored, type StepBatch, tokensRun } from './step-batch.ts';
import type { StepRunner } from './step-runner.ts';
import type { StepScores } from './step-scores.ts';
import { uniform } from './uniform.ts';

/** Instead of a token, for a row whose mask never came. */
export const noMask = -2;
/** Instead of a token, for a row whose mask left none. */
export const noToken = -3;
/** Instead of a token, for a row whose mask is not there yet: its last token is to run again. */
export const lateMask = -4;

/** How long a step waits for masks: everyone in the batch waits with it. */
const maskPatienceMs = 20;

export interface PolicyStep {
  readonly scores: StepScores;
  /** By row, followers behind them: the token drawn, −1 when the row still has tokens to run, `noMask`, `noToken` or `lateMask`. Valid until the next step. */
  readonly tokens: Int32Array;
}

export interface PolicyParts {
  readonly manifest: PolicyManifest;
  readonly cache: KvCache;
  readonly runner: StepRunner;
  readonly sampler: Sampler;
  readonly maxSequences: number;
  readonly maxLength: number;
  readonly device: string;
  readonly release: () => void;
}

export class Policy {
  readonly manifest: PolicyManifest;
  readonly cache: KvCache;
  readonly device: string;
  /** Prompt and answer together, in tokens. */
  readonly maxLength: number;
  readonly #runner: StepRunner;
  readonly #sampler: Sampler;
  /** The scores of the row at hand, where a request changes them. */
  readonly #edited: Float32Array;
  readonly #tokens: Int32Array;
  readonly #release: () => void;

  constructor(parts: PolicyParts) {
    this.manifest = parts.manifest;
    this.cache = parts.cache;
    this.device = parts.device;
    this.maxLength = parts.maxLength;
    this.#runner = parts.runner;
    this.#release = parts.release;
    this.#sampler = parts.sampler;
    this.#edited = new Float32Array(parts.manifest.vocab_size);
    this.#tokens = new Int32Array(parts.maxSequences);
  }

  step(batch: StepBatch<PolicyRow>): PolicyStep {
    const scores = this.#runner.run(batch);
    const tokens = this.#tokens;
    const untilMs = performance.now() + maskPatienceMs;
    for (const [index, row] of drawingRows(batch).entries()) {
      const isComplete = row.past + tokensRun(row, batch.width) === row.length;
      const position = lastScored(batch, row, index);
      tokens[index] = isComplete ? this.#draw(scores, position, row, untilMs) : -1;
    }
    return { scores, tokens };
  }

  release(): void {
    this.#release();
  }

  #draw(scores: StepScores, position: number, row: PolicyRow, untilMs: number): number {
    if (row.mask === null && row.edits?.isActive !== true) return scores.draw(position, row);
    const mask = row.mask?.wait(row.drawn, untilMs) ?? 'ready';
    if (mask !== 'ready') return mask === 'late' ? lateMask : noMask;
    return this.#drawEdited(scores, position, row);
  }

  /** From a copy of the scores: what is reported of them stays as it was. */
  #drawEdited(scores: StepScores, position: number, row: PolicyRow): number {
    const { sampling, drawn, edits, mask } = row;
    const edited = this.#edited;
    scores.copyScores(position, edited);
    if (edits?.isActive === true) edits.apply(edited, scores.logNormalizer(position));
    let best = mask === null ? bestToken(edited) : mask.apply(edited);
    if (best === -1) {
      // What the mask allows comes before all that a request may forbid beside it.
      scores.copyScores(position, edited);
      best = mask?.apply(edited) ?? -1;
    }
    if (best === -1) return noToken;
    if (sampling.temperature === 0) return best;
    const draw = uniform(sampling.seed, sampling.choice, drawn);
    return this.#sampler.sample(edited, edited[best] ?? 0, sampling, draw);
  }
}
