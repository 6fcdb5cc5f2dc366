// How attention on the CPU goes through a context: in tiles, or in one piece, which is faster and takes the memory for it.
// ONNX Runtime's kernels have no other switch than an environment variable, read when a session is made.
// biome-ignore-all lint/style/noProcessEnv: it is ONNX Runtime's setting, not one of ours.

/** For the sessions made from now on. Of a worker it reaches ONNX Runtime only if the worker shares its environment. */
export function attendInOnePiece(inOnePiece: boolean): void {
  const value = inOnePiece ? '1' : '0';
  // Written as seldom as can be: native code may read the environment at any time.
  if (process.env.ORT_GQA_DISABLE_FLASH_ATTENTION === value) return;
  process.env.ORT_GQA_DISABLE_FLASH_ATTENTION = value;
}
