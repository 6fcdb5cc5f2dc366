// Takes single files out of a zip archive on disk, without reading the rest. Enough of the format for wheels: no
// encryption, no 64-bit sizes, methods "stored" and "deflate". The caller has verified the archive.
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly isDeflated: boolean;
  readonly compressedBytes: number;
  /** Where its local header begins. */
  readonly offset: number;
}

const endSignature = Buffer.from('PK\x05\x06', 'latin1');
const endBytes = 22;
const longestComment = 65_535;
const entrySignature = 0x02014b50;
const entryBytes = 46;
const localBytes = 30;

export async function zipEntries(path: string): Promise<ZipEntry[]> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const tail = await read(file, Math.max(0, size - endBytes - longestComment), size);
    const end = tail.lastIndexOf(endSignature);
    if (end < 0) throw new Error(`${path} is no zip archive.`);
    const directoryBytes = tail.readUInt32LE(end + 12);
    const start = tail.readUInt32LE(end + 16);
    return readDirectory(await read(file, start, start + directoryBytes), path);
  } finally {
    await file.close();
  }
}

export async function extractEntry(path: string, entry: ZipEntry, target: string): Promise<void> {
  const file = await open(path);
  const local = await read(file, entry.offset, entry.offset + localBytes).finally(() =>
    file.close(),
  );
  // The local header's own name and extra field come before the data.
  const start = entry.offset + localBytes + local.readUInt16LE(26) + local.readUInt16LE(28);
  const bytes = createReadStream(path, { start, end: start + entry.compressedBytes - 1 });
  const unpack = entry.isDeflated ? createInflateRaw() : new PassThrough();
  await pipeline(bytes, unpack, createWriteStream(target, { mode: 0o644 }));
}

function readDirectory(directory: Buffer, path: string): ZipEntry[] {
  const entries: ZipEntry[] = [];
  for (let at = 0; at + entryBytes <= directory.length; ) {
    if (directory.readUInt32LE(at) !== entrySignature) {
      throw new Error(`${path} has a broken directory.`);
    }
    const nameBytes = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + entryBytes, at + entryBytes + nameBytes),
      isDeflated: directory.readUInt16LE(at + 10) !== 0,
      compressedBytes: directory.readUInt32LE(at + 20),
      offset: directory.readUInt32LE(at + 42),
    });
    const extraBytes = directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    at += entryBytes + nameBytes + extraBytes;
  }
  return entries;
}

async function read(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.alloc(end - start);
  await file.read(buffer, 0, buffer.length, start);
  return buffer;
}
