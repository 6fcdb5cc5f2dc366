import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { extractEntry, zipEntries } from '../../scripts/cuda/zip.ts';

const folder = mkdtempSync(join(tmpdir(), 'qsft-zip-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** An archive whose local headers have an extra field, as some writers leave them. */
function zip(files: readonly { name: string; content: Buffer; deflate: boolean }[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, deflate } of files) {
    const data = deflate ? deflateRawSync(content) : content;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    const piece = Buffer.concat([local, Buffer.from(name), Buffer.alloc(4), data]);
    parts.push(piece);
    directory.push(entry, Buffer.from(name));
    offset += piece.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end, Buffer.from('a comment')]);
}

describe('zip', () => {
  it('takes out single files, stored or deflated', async () => {
    const path = join(folder, 'wheel.zip');
    const content = Buffer.from('library '.repeat(100_000));
    writeFileSync(
      path,
      zip([
        { name: 'capi/a.so', content, deflate: true },
        { name: 'capi/b.so', content, deflate: false },
      ]),
    );
    const entries = await zipEntries(path);
    expect(entries.map(({ name }) => name)).toEqual(['capi/a.so', 'capi/b.so']);
    for (const entry of entries) {
      await extractEntry(path, entry, join(folder, 'out'));
      expect(readFileSync(join(folder, 'out')).equals(content)).toBe(true);
    }
  });

  it('refuses what is no archive', async () => {
    const path = join(folder, 'not.zip');
    writeFileSync(path, 'not an archive');
    await expect(zipEntries(path)).rejects.toThrow(`${path} is no zip archive.`);
  });
});
