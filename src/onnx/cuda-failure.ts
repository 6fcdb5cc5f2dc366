// What keeps a session from CUDA, said so that whoever starts the server knows what to install.

interface Cause {
  readonly pattern: RegExp;
  readonly explain: (match: RegExpExecArray) => string;
}

const install = '`npm run cuda:install` brings one';

const causes: readonly Cause[] = [
  {
    pattern: /CUDA execution provider is not enabled in this build/,
    explain: () => `this ONNX Runtime is built without CUDA; ${install}`,
  },
  {
    pattern: /(libonnxruntime_providers_\w+\.so): cannot open shared object/,
    explain: ([, file]) => `${file} is not beside it; ${install}`,
  },
  {
    pattern: /libcuda\.so\.1: cannot open shared object/,
    explain: () =>
      'libcuda.so.1 is missing, which comes with the NVIDIA driver; a container gets it from its host, with `--gpus all`',
  },
  {
    pattern: /(lib\w+\.so[.\d]*): cannot open shared object/,
    explain: ([, file]) => missingLibrary(file ?? ''),
  },
  {
    pattern: /CUDA failure 35\b|driver version is insufficient/,
    explain: () =>
      'the NVIDIA driver is too old for it: CUDA 13 needs driver 580 or newer, CUDA 12 driver 525 or newer',
  },
  {
    pattern: /CUDA failure 100\b|no CUDA-capable device/,
    explain: () => 'the driver finds no GPU: see `nvidia-smi` and CUDA_VISIBLE_DEVICES',
  },
  {
    pattern: /CUDA failure 101\b|invalid device ordinal/,
    explain: () => 'there is no GPU of this number: `nvidia-smi -L` lists them',
  },
];

/** Packages of PyPI that hold CUDA's libraries, by the libraries' names; cuDNN's names the CUDA it is for in every release. */
const packages: Record<string, string> = {
  libcublas: 'nvidia-cublas',
  libcublasLt: 'nvidia-cublas',
  libcudart: 'nvidia-cuda-runtime',
  libcudnn: 'nvidia-cudnn-cu13',
  libcufft: 'nvidia-cufft',
  libcurand: 'nvidia-curand',
  libnvrtc: 'nvidia-cuda-nvrtc',
};

/** Null for what has nothing to do with CUDA. */
export function explainCudaFailure(message: string): string | null {
  for (const { pattern, explain } of causes) {
    const match = pattern.exec(message);
    if (match) return explain(match);
  }
  return null;
}

function missingLibrary(file: string): string {
  const [name = ''] = file.split('.so');
  const packageName = packages[name];
  const source = packageName
    ? `a CUDA installation has it, or \`pip install ${packageFor(packageName, file)}\``
    : 'install it';
  return `${file} is missing: ${source}, and its folder belongs in LD_LIBRARY_PATH`;
}

/** Before CUDA 13 the packages had its number in their names; only some libraries count as CUDA does. */
function packageFor(packageName: string, file: string): string {
  const isCuda12 = /\.so\.12$/.test(file) && packageName !== 'nvidia-cufft';
  return isCuda12 ? `${packageName}-cu12` : packageName;
}
