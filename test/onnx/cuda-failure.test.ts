import { describe, expect, it } from 'vitest';
import { explainCudaFailure } from '../../src/onnx/cuda-failure.ts';

const unloaded = (file: string) =>
  `ONNX Runtime: Failed to load library /opt/libonnxruntime_providers_cuda.so with error: ${file}: cannot open shared object file: No such file or directory`;

describe('explainCudaFailure', () => {
  it.each([
    ['libcublasLt.so.13', 'nvidia-cublas'],
    ['libcublas.so.12', 'nvidia-cublas-cu12'],
    ['libcudart.so.12', 'nvidia-cuda-runtime-cu12'],
    ['libcufft.so.12', 'nvidia-cufft'],
    ['libcudnn.so.9', 'nvidia-cudnn-cu13'],
  ])('names the package that has %s', (file, packageName) => {
    const reason = explainCudaFailure(unloaded(file));
    expect(reason).toContain(`${file} is missing`);
    expect(reason).toContain(`\`pip install ${packageName}\``);
    expect(reason).toContain('LD_LIBRARY_PATH');
  });

  it.each([
    [unloaded('libcuda.so.1'), /NVIDIA driver.*--gpus all/],
    [unloaded('libonnxruntime_providers_cuda.so'), /not beside it; `npm run cuda:install`/],
    ['CUDA execution provider is not enabled in this build.', /built without CUDA/],
    ['CUDA failure 35: CUDA driver version is insufficient', /driver is too old.*580/],
    ['CUDA failure 100: no CUDA-capable device is detected', /finds no GPU/],
    ['CUDA failure 101: invalid device ordinal ; GPU=7', /no GPU of this number/],
  ])('says what "%s" means', (message, reason) => {
    expect(explainCudaFailure(message)).toMatch(reason);
  });

  it('leaves other errors alone', () => {
    expect(explainCudaFailure('Load model from step.onnx failed')).toBeNull();
  });
});
