// What crosses between the main thread and the one that encodes long texts.

export interface TokenizerThreadData {
  readonly definition: object;
  readonly config: object;
}

export interface EncodeTask {
  readonly id: number;
  readonly text: string;
  readonly addsSpecialTokens: boolean;
}

export type EncodeResult =
  | { readonly id: number; readonly ids: Uint32Array }
  /** The text is at fault: why. */
  | { readonly id: number; readonly refusal: string };
