// What the scores of a run take on a device: arithmetic for those who plan and do not allocate.

/** Three rows that a step writes, in float32. */
const outputBytes = 12;

/**
 * What ONNX Runtime's arena keeps of the combination and the draw, and as much again of the lists of candidates, in whole
 * rows; most of twins (121), whose logits are parted. Measured by scripts/gpu/without-gpu.sh, which fails where it is more.
 */
export const workBytes = 124;

export function deviceScoreBytes(scored: number, vocabularySize: number): number {
  return scored * vocabularySize * (outputBytes + workBytes);
}
