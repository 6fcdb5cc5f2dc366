// Finds and loads a libonnxruntime. A loaded library stays loaded: its thread pools may outlive any handle of ours.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { apiVersion, decodeApi, type OrtApi, type Pointer } from './api.ts';

export interface OrtLibrary {
  readonly path: string;
  readonly version: string;
  readonly api: OrtApi;
}

const fileNames: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

/** koffi unloads a library whose handle is collected, though functions decoded from it may still be called. */
const loaded = new Map<string, { readonly handle: LibraryHandle; readonly library: OrtLibrary }>();

/** Loads the library at `path`, or the one onnxruntime-node ships when null. */
export function loadLibrary(path: string | null): OrtLibrary {
  const libraryPath = path ?? bundledLibraryPath();
  const known = loaded.get(libraryPath);
  if (known) return known.library;
  const handle = open(libraryPath);
  const library = describe(handle, libraryPath);
  loaded.set(libraryPath, { handle, library });
  return library;
}

function bundledLibraryPath(): string {
  const { platform, arch } = process;
  const packageFile = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  const path = join(
    dirname(packageFile),
    'bin/napi-v6',
    platform,
    arch,
    fileNames[platform] ?? 'libonnxruntime',
  );
  if (!existsSync(path)) {
    throw new Error(
      `onnxruntime-node ships no library for ${platform}-${arch}: give the path of one.`,
    );
  }
  return path;
}

function open(path: string): LibraryHandle {
  try {
    return koffi.load(path);
  } catch (cause) {
    throw new Error(`Cannot load ONNX Runtime from ${path}: ${String(cause)}`, { cause });
  }
}

/** OrtApiBase is two function pointers: GetApi, GetVersionString. */
function describe(handle: LibraryHandle, path: string): OrtLibrary {
  let base: Pointer;
  try {
    base = handle.func('OrtGetApiBase', 'void *', [])();
  } catch (cause) {
    throw new Error(`${path} is not ONNX Runtime: it has no OrtGetApiBase.`, { cause });
  }
  const entry = (index: number): Pointer =>
    koffi.decode(base, index * koffi.sizeof('void *'), 'void *');
  const getApi: (version: number) => Pointer | null = koffi.decode(
    entry(0),
    koffi.proto('void *', ['uint32']),
  );
  const getVersion: () => string = koffi.decode(entry(1), koffi.proto('str', []));
  const address = getApi(apiVersion);
  if (address === null) {
    throw new Error(
      `${path} is ONNX Runtime ${getVersion()}: version 1.${apiVersion} or newer is needed.`,
    );
  }
  return { path, version: getVersion(), api: decodeApi(address) };
}
