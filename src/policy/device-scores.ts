// The scores of a run that stay on its device. A graph draws and reads there; what a step needs comes to the host, some
// bytes a position. Whole rows come only for requests that change scores, or whose truncation keeps a great many tokens.
// biome-ignore-all lint/style/noNonNullAssertion: every index within bounds, which `#at` checks.
import { TensorCopy } from '../onnx/copy.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';
import { CandidateLists } from './candidate-lists.ts';
import { drawColumns, drawGraph, readingColumns } from './draw-graph.ts';
import type { PolicyRow } from './policy-row.ts';
import { PositionGraph } from './position-graph.ts';
import type { Sampler } from './sample.ts';
import { drawingRows, type StepBatch } from './step-batch.ts';
import type { RowOutput, StepOutputs } from './step-outputs.ts';
import type { RunScores, TokenRating } from './step-scores.ts';
import { topTokens } from './top-tokens.ts';
import { uniform } from './uniform.ts';

/** At 16 bytes each, with the reading less than 4 KiB. */
const mostCandidates = 240;

export class DeviceScores implements RunScores {
  readonly #outputs: StepOutputs;
  readonly #sampler: Sampler;
  readonly #drawing: PositionGraph;
  readonly #draws: Float64Array;
  readonly #readings: Float64Array;
  readonly #candidates: CandidateLists;
  readonly #copy: TensorCopy;
  /** On the host, for a row or a part of one. */
  readonly #row: Tensor;
  readonly #rowValues: Float32Array;
  #scored = 0;
  #hostBytes = 0;

  /** `memory`: where the outputs are. */
  constructor(
    memory: Memory,
    host: Memory,
    outputs: StepOutputs,
    sampler: Sampler,
    candidates = mostCandidates,
  ) {
    const { vocabularySize } = outputs;
    const columns = { draws: drawColumns.length, readings: readingColumns.length };
    this.#outputs = outputs;
    this.#sampler = sampler;
    this.#drawing = new PositionGraph(memory, host, drawGraph(vocabularySize), outputs, columns);
    this.#draws = new Float64Array(this.#drawing.hostBuffer('draws'));
    this.#readings = new Float64Array(this.#drawing.hostBuffer('readings'));
    this.#candidates = new CandidateLists(memory, host, outputs, candidates);
    this.#copy = new TensorCopy(memory.runtime, memory.device, ['float32']);
    this.#row = host.allocate('float32', [vocabularySize]);
    this.#rowValues = new Float32Array(this.#row.hostBuffer());
  }

  get hostBytes(): number {
    return this.#hostBytes + this.#candidates.hostBytes;
  }

  refresh(batch: StepBatch<PolicyRow>, scored: number): void {
    this.#candidates.refresh(scored);
    this.#scored = scored;
    this.#fillDraws(batch, scored);
    this.#drawing.run(scored);
    this.#hostBytes = scored * this.#drawing.positionBytes;
  }

  logNormalizer(position: number): number {
    return this.#read(position, 'logNormalizer');
  }

  kl(position: number): number {
    return this.#read(position, 'kl');
  }

  movesArgmax(position: number): boolean {
    return this.#read(position, 'betterForBehavior') > 0;
  }

  rate(position: number, id: number): TokenRating {
    if (this.#read(position, 'token') === id) {
      return {
        score: this.#read(position, 'score'),
        behaviorLogprob: this.#read(position, 'behaviorLogprob'),
        valueProb: this.#read(position, 'valueProb'),
      };
    }
    return this.#candidates.known(position)?.rate(id) ?? this.#rateAnother(position, id);
  }

  top(position: number, count: number): readonly number[] {
    const candidates = this.#candidates.at(this.#at(position));
    return candidates.holdBest(count)
      ? topTokens(candidates.scores, count).map((rank) => candidates.ids[rank]!)
      : topTokens(this.#fetchRow(position), count);
  }

  draw(position: number, { sampling, drawn }: PolicyRow): number {
    const { temperature, topK, topP, minP, seed, choice } = sampling;
    const isWhole = topK === 0 && topP === 1 && minP === 0;
    if (temperature === 0 || isWhole) return this.#read(position, 'token');
    const mass = this.#read(position, 'mass');
    const candidates = this.#candidates.at(position);
    const { ids, scores, highest } = candidates;
    const draw = uniform(seed, choice, drawn);
    return candidates.hold(sampling, mass)
      ? ids[this.#sampler.sampleBest(scores, highest, sampling, mass, draw)]!
      : this.#sampler.sample(this.#fetchRow(position), highest, sampling, draw);
  }

  copyScores(position: number, target: Float32Array): void {
    target.set(this.#fetchRow(position));
  }

  release(): void {
    this.#candidates.release();
    this.#drawing.release();
    this.#row.release();
    this.#copy.release();
  }

  /** A prompt's positions are read at the tokens that follow in it, all others at the tokens drawn there. */
  #fillDraws(batch: StepBatch<PolicyRow>, scored: number): void {
    const { scoring } = batch;
    const rows = drawingRows(batch);
    for (let position = 0; position < scored; position++) {
      const row = rows[scoring === 'every' ? 0 : position]!;
      const next = row.past + position + 1;
      const isPrompt = scoring === 'every' && next < row.length;
      this.#fillDraw(position, row, isPrompt ? row.tokens[next]! : -1);
    }
  }

  /** At temperature 0 all weight is with the best tokens, of which a draw of 0 takes the first. */
  #fillDraw(position: number, { sampling, drawn }: PolicyRow, given: number): void {
    const { temperature, seed, choice } = sampling;
    const columns: Record<(typeof drawColumns)[number], number> = {
      // Finite, so that a distance of 0 stays 0.
      inverseTemperature: Math.min(1 / temperature, Number.MAX_VALUE),
      uniform: temperature === 0 ? 0 : uniform(seed, choice, drawn),
      given,
    };
    for (const [column, name] of drawColumns.entries()) {
      this.#draws[position * drawColumns.length + column] = columns[name];
    }
  }

  #read(position: number, name: (typeof readingColumns)[number]): number {
    const place = this.#at(position) * readingColumns.length + readingColumns.indexOf(name);
    return this.#readings[place]!;
  }

  /** A token that the host chose. */
  #rateAnother(position: number, id: number): TokenRating {
    const fetch = (name: RowOutput): number => this.#fetch(name, position, id, 1)[0]!;
    return {
      score: fetch('scores'),
      behaviorLogprob: fetch('behavior_logprobs'),
      valueProb: fetch('value_probs'),
    };
  }

  #fetchRow(position: number): Float32Array {
    return this.#fetch('scores', position, 0, this.#outputs.vocabularySize);
  }

  /** Valid until anything else is fetched. */
  #fetch(name: RowOutput, position: number, first: number, count: number): Float32Array {
    const start = this.#at(position) * this.#outputs.vocabularySize + first;
    const output = this.#outputs.tensor(name);
    const source = output.view(start * Float32Array.BYTES_PER_ELEMENT, [count]);
    const target = this.#row.view(0, [count]);
    try {
      this.#copy.copy([source], [target]);
    } finally {
      source.release();
      target.release();
    }
    this.#hostBytes += target.byteLength;
    return this.#rowValues.subarray(0, count);
  }

  #at(position: number): number {
    if (position < 0 || position >= this.#scored) {
      throw new Error(`Position ${position} was not scored.`);
    }
    return position;
  }
}
