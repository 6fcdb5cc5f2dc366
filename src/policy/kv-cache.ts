// The keys and values of both models for a fixed number of slots: one allocation a tensor, made at start, written in
// place by the graph. A slot is one index of the outermost axis, so neighbouring slots are one contiguous view.
import { copyTensors } from '../onnx/copy.ts';
import { elementBytes } from '../onnx/element-type.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';
import { kvTensors } from './graph-contract.ts';
import type { PolicyManifest } from './manifest.ts';

export interface KvView {
  readonly pastName: string;
  readonly presentName: string;
  readonly tensor: Tensor;
}

interface KvBuffer extends KvView {
  readonly heads: number;
  readonly slotBytes: number;
  /** The bytes themselves; null on a device. */
  readonly host: Uint8Array | null;
}

export class KvCache {
  /** Tokens a slot holds. */
  readonly length: number;
  readonly byteLength: number;
  readonly #memory: Memory;
  readonly #buffers: readonly KvBuffer[];

  constructor(memory: Memory, manifest: PolicyManifest, slots: number, length: number) {
    const { dtype } = manifest.kv_cache;
    this.length = length;
    this.#memory = memory;
    this.#buffers = kvTensors(manifest).map(({ pastName, presentName, heads, headSize }) => {
      const tensor = memory.allocate(dtype, [slots, heads, length, headSize]);
      // Writing the zeros takes the memory now, so a cache that does not fit fails at start and not under load.
      const host = memory.isHost ? new Uint8Array(tensor.hostBuffer()).fill(0) : null;
      const slotBytes = heads * length * headSize * elementBytes(dtype);
      return { pastName, presentName, tensor, heads, slotBytes, host };
    });
    this.byteLength = this.#buffers.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
  }

  /** Slots [first, first + count) of every tensor; the caller releases the views before the cache. */
  views(first: number, count: number): KvView[] {
    return this.#buffers.map(({ pastName, presentName, tensor, slotBytes }) => ({
      pastName,
      presentName,
      tensor: tensor.view(first * slotBytes, [count, ...tensor.shape.slice(1)]),
    }));
  }

  /** Slot `to` takes the first `tokens` tokens of slot `from`. */
  move(from: number, to: number, tokens: number): void {
    if (this.#memory.isHost) this.#moveOnHost(from, to, tokens);
    else this.#moveOnDevice(from, to);
  }

  release(): void {
    for (const { tensor } of this.#buffers) tensor.release();
  }

  #moveOnHost(from: number, to: number, tokens: number): void {
    for (const { host, heads, slotBytes } of this.#buffers) {
      const headBytes = slotBytes / heads;
      const usedBytes = (headBytes / this.length) * tokens;
      for (let head = 0; head < heads; head++) {
        const source = from * slotBytes + head * headBytes;
        host?.copyWithin(to * slotBytes + head * headBytes, source, source + usedBytes);
      }
    }
  }

  #moveOnDevice(from: number, to: number): void {
    const sources = this.views(from, 1).map(({ tensor }) => tensor);
    const targets = this.views(to, 1).map(({ tensor }) => tensor);
    try {
      copyTensors(this.#memory.runtime, sources, targets);
    } finally {
      for (const view of [...sources, ...targets]) view.release();
    }
  }
}
