// The keys and values of both models for a fixed number of slots: one allocation a tensor, made at start, written in
// place by the graph. A slot is one index of the outermost axis, so neighbouring slots are one contiguous view. Of a paged
// cache the slots are its blocks, and every run takes them all.
import { TensorCopy } from '../onnx/copy.ts';
import { elementBytes } from '../onnx/element-type.ts';
import type { Memory, Tensor } from '../onnx/tensor.ts';
import { inStepGraph, kvTensors, type ModelRole } from './graph-contract.ts';
import type { PolicyManifest } from './manifest.ts';
import type { StepBatch } from './step-batch.ts';

export interface CacheRange {
  readonly first: number;
  readonly count: number;
}

export interface KvView {
  readonly pastName: string;
  readonly presentName: string;
  readonly tensor: Tensor;
}

interface KvBuffer extends KvView {
  readonly model: ModelRole;
  /** The first tokens of a slot are so many runs of bytes: one in each head, or in a block, where heads are together, one. */
  readonly runs: number;
  readonly slotBytes: number;
  /** The bytes themselves; null on a device. */
  readonly host: Uint8Array | null;
}

export class KvCache {
  /** Tokens a slot holds. */
  readonly length: number;
  readonly byteLength: number;
  readonly slots: number;
  readonly #isPaged: boolean;
  readonly #buffers: readonly KvBuffer[];
  /** Where a swap keeps one side: a run of one slot on the host, a whole slot on a device. */
  readonly #spare: readonly Tensor[];
  readonly #spareRun: Uint8Array;
  /** Null on the host. */
  readonly #copy: TensorCopy | null;

  constructor(memory: Memory, manifest: PolicyManifest, slots: number, length: number) {
    const { dtype, block_size: blockSize } = manifest.kv_cache;
    const isPaged = blockSize !== undefined;
    this.length = length;
    this.slots = slots;
    this.#isPaged = isPaged;
    this.#buffers = kvTensors(manifest).map((kvTensor) => {
      const { model, pastName, presentName, heads, headSize } = kvTensor;
      const inner = isPaged ? [length, heads] : [heads, length];
      const tensor = memory.allocate(dtype, [slots, ...inner, headSize]);
      // Writing the zeros takes the memory now, so a cache that does not fit fails at start and not under load.
      const host = memory.isHost ? new Uint8Array(tensor.hostBuffer()).fill(0) : null;
      const slotBytes = heads * length * headSize * elementBytes(dtype);
      const runs = isPaged ? 1 : heads;
      return { model, pastName, presentName, tensor, runs, slotBytes, host };
    });
    this.#spare =
      memory.isHost || isPaged
        ? []
        : this.#buffers.map(({ tensor }) => memory.allocate(dtype, [1, ...tensor.shape.slice(1)]));
    const elementTypes = this.#buffers.map(() => dtype);
    this.#copy = memory.isHost ? null : new TensorCopy(memory.runtime, memory.device, elementTypes);
    const tensors = [...this.#buffers.map(({ tensor }) => tensor), ...this.#spare];
    this.byteLength = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const runBytes = this.#buffers.map(({ slotBytes, runs }) => slotBytes / runs);
    this.#spareRun = new Uint8Array(memory.isHost ? Math.max(...runBytes) : 0);
  }

  /** The slots that a run of this batch takes. */
  rangeOf({ firstSlot, rows }: StepBatch): CacheRange {
    return this.#isPaged
      ? { first: 0, count: this.slots }
      : { first: firstSlot, count: rows.length };
  }

  /** Slots [first, first + count) of every tensor, by the step graph's names; the caller releases the views before the cache. */
  views(first: number, count: number): KvView[] {
    return viewsOf(this.#buffers, first, count).map(inStepGraph);
  }

  /** The same of one model, by the names of its own graph. */
  modelViews(model: ModelRole, first: number, count: number): KvView[] {
    const buffers = this.#buffers.filter((buffer) => buffer.model === model);
    return viewsOf(buffers, first, count);
  }

  /** Slot `to` takes the first `tokens` tokens of slot `from`. */
  copy(from: number, to: number, tokens: number): void {
    const copy = this.#copy;
    if (copy === null) this.#onHost(from, to, tokens, copyBytes);
    else this.#onDevice([from, to], (source, target) => copy.copy(source, target));
  }

  /** Each of two slots takes the first `tokens` tokens of the other; blocks never do, since a table says where they are. */
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

  #onHost(
    from: number,
    to: number,
    tokens: number,
    apply: (host: Uint8Array, from: number, to: number, count: number) => void,
  ): void {
    for (const { host, runs, slotBytes } of this.#buffers) {
      if (host === null) continue;
      const runBytes = slotBytes / runs;
      const usedBytes = (runBytes / this.length) * tokens;
      for (let run = 0; run < runs; run++) {
        const offset = run * runBytes;
        apply(host, from * slotBytes + offset, to * slotBytes + offset, usedBytes);
      }
    }
  }

  readonly #swapBytes = (host: Uint8Array, one: number, other: number, count: number): void => {
    this.#spareRun.set(host.subarray(one, one + count));
    host.copyWithin(one, other, other + count);
    host.set(this.#spareRun.subarray(0, count), other);
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

function viewsOf(buffers: readonly KvBuffer[], first: number, count: number) {
  return buffers.map(({ model, pastName, presentName, tensor }) => {
    return { model, pastName, presentName, tensor: tensor.rows(first, count) };
  });
}

function copyBytes(host: Uint8Array, from: number, to: number, count: number): void {
  host.copyWithin(to, from, from + count);
}
