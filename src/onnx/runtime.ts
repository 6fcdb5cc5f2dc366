// A loaded library with its environment, and the two rules every call keeps: a status is checked and released,
// a handle has one owner that frees it once.
import type { OrtApi, OutWord, Pointer, Status } from './api.ts';
import { loadLibrary } from './library.ts';

/** Statuses carry every error to us; ONNX Runtime need not also print it. */
const logSeverityFatal = 4;

export class Runtime {
  readonly api: OrtApi;
  readonly version: string;
  readonly libraryPath: string;
  readonly env: Handle;

  constructor(libraryPath: string | null) {
    const library = loadLibrary(libraryPath);
    this.api = library.api;
    this.version = library.version;
    this.libraryPath = library.path;
    this.env = this.own(
      (out) => this.api.CreateEnv(logSeverityFatal, 'qsft', out),
      this.api.ReleaseEnv,
    );
  }

  check(status: Status): void {
    if (status === null) return;
    const message = this.api.GetErrorMessage(status);
    this.api.ReleaseStatus(status);
    throw new Error(`ONNX Runtime: ${message}`);
  }

  /** The word a call leaves in its last argument. */
  word(call: (out: OutWord) => Status): bigint {
    const out = new BigUint64Array(1);
    this.check(call(out));
    return out[0] ?? 0n;
  }

  /** Owns what a call creates. */
  own(create: (out: OutWord) => Status, release: (pointer: Pointer) => void): Handle {
    return new Handle(this.word(create), release);
  }

  release(): void {
    this.env.release();
  }
}

export class Handle {
  readonly #release: (pointer: Pointer) => void;
  #pointer: Pointer | null;

  constructor(pointer: Pointer, release: (pointer: Pointer) => void) {
    this.#pointer = pointer;
    this.#release = release;
  }

  get pointer(): Pointer {
    if (this.#pointer === null) throw new Error('This ONNX Runtime handle has been released.');
    return this.#pointer;
  }

  release(): void {
    if (this.#pointer === null) return;
    const pointer = this.#pointer;
    this.#pointer = null;
    this.#release(pointer);
  }
}
