// Scores as a step would have left them, to be read without a model, in either way.
import { identityGraph } from '../../src/onnx/identity-graph.ts';
import { Runtime } from '../../src/onnx/runtime.ts';
import { Session } from '../../src/onnx/session.ts';
import { Memory } from '../../src/onnx/tensor.ts';
import { DeviceScores } from '../../src/policy/device-scores.ts';
import { HostScores } from '../../src/policy/host-scores.ts';
import type { SamplingParameters } from '../../src/policy/parameters.ts';
import type { PolicyRow } from '../../src/policy/policy-row.ts';
import { PositionGraph } from '../../src/policy/position-graph.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { bestToken, Sampler } from '../../src/policy/sample.ts';
import { StepOutputs } from '../../src/policy/step-outputs.ts';
import { policyRow } from './tiny-policy.ts';

const device = { kind: 'cpu' } as const;

export class ScoredRows {
  readonly host: HostScores;
  readonly device: DeviceScores;
  readonly #outputs: StepOutputs;
  readonly #memory: Memory;
  readonly #owned: { release(): void }[] = [];

  /** Room for `positions` rows; the device's way has so many candidates. */
  constructor(vocabularySize: number, positions: number, candidates?: number) {
    const runtime = this.#own(new Runtime(null));
    const settings = { device, threads: 1 };
    const session = this.#own(new Session(runtime, identityGraph(['float32']), settings));
    const memory = this.#own(new Memory(runtime, device, session));
    const outputs = this.#own(new StepOutputs(memory, positions, vocabularySize));
    const sampler = new Sampler(vocabularySize);
    this.#outputs = outputs;
    this.#memory = memory;
    this.host = new HostScores(outputs, sampler);
    this.device = this.#own(new DeviceScores(memory, memory, outputs, sampler, candidates));
  }

  /** As if a step had decoded a row for each; what the models say apart is made up. */
  write(rows: readonly Float32Array[], samplings: readonly SamplingParameters[]): PolicyRow[] {
    const { vocabularySize } = this.#outputs;
    const row = (name: 'scores' | 'behavior_logprobs' | 'value_probs') =>
      new Float32Array(this.#outputs.tensor(name).hostBuffer());
    const [scores, behavior, value] = [row('scores'), row('behavior_logprobs'), row('value_probs')];
    const best = new BigInt64Array(this.#outputs.tensor('argmax').hostBuffer());
    const normalizers = new Float32Array(this.#outputs.tensor('log_normalizer').hostBuffer());
    const kl = new Float32Array(this.#outputs.tensor('kl').hostBuffer());
    for (const [position, own] of rows.entries()) {
      const start = position * vocabularySize;
      scores.set(own, start);
      for (const [id, score] of own.entries()) {
        behavior[start + id] = score === reservedScore ? score : -1 - Math.sin(score + id) ** 2;
        value[start + id] = 1 / (2 + id + position);
      }
      best[position] = BigInt(bestToken(own));
      normalizers[position] = position / 8;
      kl[position] = position / 16;
    }
    const drawing = samplings.map((sampling) => ({ ...policyRow([0]), sampling }));
    const batch = { firstSlot: 0, rows: drawing, width: 1, scoring: 'last' } as const;
    this.device.refresh(batch, rows.length);
    return drawing;
  }

  /** Another graph over the same rows. */
  graph(model: Uint8Array, columns: Record<string, number>): PositionGraph {
    return new PositionGraph(this.#memory, this.#memory, model, this.#outputs, columns);
  }

  release(): void {
    for (let owner = this.#owned.pop(); owner; owner = this.#owned.pop()) owner.release();
  }

  #own<T extends { release(): void }>(owner: T): T {
    this.#owned.push(owner);
    return owner;
  }
}
