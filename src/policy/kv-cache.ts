// The keys and values of both models for a fixed number of slots: one allocation a tensor, made at start, written in
// place by the graph. A slot is one index of the outermost axis, so neighbouring slots are one contiguous view.
import { TensorCopy } from '../onnx/copy.ts';
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
  readonly #buffers: readonly KvBuffer[];
  /** Where a swap keeps one side: a head of one slot on the host, a whole slot on a device. */
  readonly #spare: readonly Tensor[];
  readonly #spareHead: Uint8Array;
  /** Null on the host. */
  readonly #copy: TensorCopy | null;

  constructor(memory: Memory, manifest: PolicyManifest, slots: number, length: number) {
    const { dtype } = manifest.kv_cache;
    this.length = length;
    this.#buffers = kvTensors(manifest).map(({ pastName, presentName, heads, headSize }) => {
      const tensor = memory.allocate(dtype, [slots, heads, length, headSize]);
      // Writing the zeros takes the memory now, so a cache that does not fit fails at start and not under load.
      const host = memory.isHost ? new Uint8Array(tensor.hostBuffer()).fill(0) : null;
      const slotBytes = heads * length * headSize * elementBytes(dtype);
      return { pastName, presentName, tensor, heads, slotBytes, host };
    });
    this.#spare = memory.isHost
      ? []
      : this.#buffers.map(({ tensor }) => memory.allocate(dtype, [1, ...tensor.shape.slice(1)]));
    const elementTypes = this.#buffers.map(() => dtype);
    this.#copy = memory.isHost ? null : new TensorCopy(memory.runtime, memory.device, elementTypes);
    const tensors = [...this.#buffers.map(({ tensor }) => tensor), ...this.#spare];
    this.byteLength = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const headBytes = this.#buffers.map(({ slotBytes, heads }) => slotBytes / heads);
    this.#spareHead = new Uint8Array(memory.isHost ? Math.max(...headBytes) : 0);
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
  copy(from: number, to: number, tokens: number): void {
    const copy = this.#copy;
    if (copy === null) this.#onHost(from, to, tokens, copyBytes);
    else this.#onDevice([from, to], (source, target) => copy.copy(source, target));
  }

  /** Each of two slots takes the first `tokens` tokens of the other. */
  swap(one: number, other: number, tokens: number): void {
    const copy = this.#copy;
    if (copy === null) this.#onHost(one, other, tokens, this.#swapBytes);
    else {
      this.#onDevice([one, other], (first, second) => {
        copy.copy(first, this.#spare);
        copy.copy(second, first);
        copy.copy(this.#spare, second);
      });
    }
  }

  release(): void {
    this.#copy?.release();
    for (const tensor of this.#spare) tensor.release();
    for (const { tensor } of this.#buffers) tensor.release();
  }

  /** Heads are apart in a slot, so the first tokens of each are a run of bytes of their own. */
  #onHost(
    from: number,
    to: number,
    tokens: number,
    apply: (host: Uint8Array, from: number, to: number, count: number) => void,
  ): void {
    for (const { host, heads, slotBytes } of this.#buffers) {
      if (host === null) continue;
      const headBytes = slotBytes / heads;
      const usedBytes = (headBytes / this.length) * tokens;
      for (let head = 0; head < heads; head++) {
        const offset = head * headBytes;
        apply(host, from * slotBytes + offset, to * slotBytes + offset, usedBytes);
      }
    }
  }

  readonly #swapBytes = (host: Uint8Array, one: number, other: number, count: number): void => {
    this.#spareHead.set(host.subarray(one, one + count));
    host.copyWithin(one, other, other + count);
    host.set(this.#spareHead.subarray(0, count), other);
  };

  #onDevice(
    [one, other]: readonly [number, number],
    apply: (one: readonly Tensor[], other: readonly Tensor[]) => void,
  ): void {
    const first = this.views(one, 1).map(({ tensor }) => tensor);
    const second = this.views(other, 1).map(({ tensor }) => tensor);
    try {
      apply(first, second);
    } finally {
      for (const view of [...first, ...second]) view.release();
    }
  }
}

function copyBytes(host: Uint8Array, from: number, to: number, count: number): void {
  host.copyWithin(to, from, from + count);
}
