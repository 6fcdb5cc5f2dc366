// npm run cuda:install -- [FOLDER]: an ONNX Runtime with the CUDA provider, of the release that onnxruntime-node has, from the
// wheel `onnxruntime-gpu` (CUDA 13). Writes FOLDER (.cuda) with the libraries alone; `--ort-library` takes it from there.
// PIP_INDEX_URL names another index than PyPI.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadLibrary } from '../../src/onnx/library.ts';
import { findWheel, type Wheel } from './package-index.ts';
import { extractEntry, zipEntries } from './zip.ts';

const project = 'onnxruntime-gpu';
const platforms: Record<string, string> = {
  'linux-x64': '_x86_64.whl',
  'linux-arm64': '_aarch64.whl',
};
/** In the wheel, and how it is called here: the library by the name that others link to. */
const libraries: readonly (readonly [pattern: RegExp, name: string | null])[] = [
  [/^onnxruntime\/capi\/libonnxruntime\.so\.\d+\.\d+\.\d+$/, 'libonnxruntime.so.1'],
  [/^onnxruntime\/capi\/libonnxruntime_providers_(cuda|shared)\.so$/, null],
  [/^onnxruntime\/(LICENSE|ThirdPartyNotices\.txt)$/, null],
];

const folder = process.argv[2] ?? '.cuda';
try {
  console.log(await install(folder));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function install(target: string): Promise<string> {
  const machine = `${process.platform}-${process.arch}`;
  const platform = platforms[machine];
  if (platform === undefined) {
    throw new Error(`${project} has no wheel for ${machine}: only ${Object.keys(platforms)}.`);
  }
  // biome-ignore lint/style/noProcessEnv: pip's own setting, and this is a command.
  const index = env.PIP_INDEX_URL ?? 'https://pypi.org/simple';
  const wheel = await findWheel(index, project, await pinnedVersion(), platform);
  await mkdir(target, { recursive: true });
  const temporary = await mkdtemp(join(target, '.download-'));
  try {
    const path = join(temporary, 'wheel.zip');
    await download(wheel, path);
    for (const entry of await zipEntries(path)) {
      const found = libraries.find(([pattern]) => pattern.test(entry.name));
      if (!found) continue;
      const name = found[1] ?? entry.name.split('/').at(-1) ?? entry.name;
      await extractEntry(path, entry, join(target, name));
    }
  } finally {
    await rm(temporary, { recursive: true });
  }
  const { path, version } = loadLibrary(join(target, 'libonnxruntime.so.1'));
  return `${wheel.name}: ONNX Runtime ${version}\nServe with: --device cuda --ort-library ${path}`;
}

/** The library's functions are called by position, checked with this release. */
async function pinnedVersion(): Promise<string> {
  const file = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  const { version }: { version: string } = JSON.parse(await readFile(file, 'utf8'));
  return version;
}

async function download(wheel: Wheel, path: string): Promise<void> {
  console.log(`${wheel.url} to ${dirname(path)}`);
  const response = await fetch(wheel.url);
  if (!response.ok || response.body === null) {
    throw new Error(`${wheel.url} answers ${response.status}.`);
  }
  await pipeline(Readable.fromWeb(response.body), createWriteStream(path));
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found !== wheel.sha256) {
    throw new Error(`${wheel.name} has sha256 ${found}: its index says ${wheel.sha256}.`);
  }
}
