import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyRing, parseKeyFile } from '../../../src/http/access/key-ring.ts';

const AGENT = 'agent-key-0123456789';
const OPERATOR = 'operator-key-0123456789';
const hash = createHash('sha256').update(OPERATOR).digest('hex');

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'qsft-keys-'));
  file = join(folder, 'keys');
});
afterAll(() => rmSync(folder, { recursive: true }));

function ring(text: string): KeyRing {
  writeFileSync(file, text);
  return new KeyRing({ file, key: null });
}

describe('KeyRing', () => {
  it('knows keys written out and keys of which it has the hash alone', () => {
    const keys = ring(`# who\n\nagent inference ${AGENT}\r\nboss admin,inference sha256:${hash}\n`);
    expect(keys.find(AGENT)).toMatchObject({ name: 'agent', scopes: new Set(['inference']) });
    expect(keys.find(OPERATOR)).toMatchObject({
      name: 'boss',
      scopes: new Set(['admin', 'inference']),
    });
    expect(keys.find(hash)).toBeNull();
    expect(keys.find(`sha256:${hash}`)).toBeNull();
    expect(keys.find('')).toBeNull();
  });

  it('keeps no key in memory', () => {
    const keys = ring(`agent inference ${AGENT}\n`);
    expect(JSON.stringify(parseKeyFile(`agent inference ${AGENT}`, 'f'))).not.toContain(AGENT);
    expect(JSON.stringify(keys)).not.toContain(AGENT);
  });

  it('reads its file again, and keeps what it has when that fails', () => {
    const keys = ring(`agent inference ${AGENT}\n`);
    writeFileSync(file, `agent inference ${OPERATOR}\n`);
    keys.reload();
    expect(keys.find(AGENT)).toBeNull();
    expect(keys.find(OPERATOR)?.name).toBe('agent');
    writeFileSync(file, 'agent inference short\n');
    expect(() => keys.reload()).toThrow('line 1');
    expect(keys.find(OPERATOR)?.name).toBe('agent');
  });

  it('takes one key from the environment for everything', () => {
    const keys = new KeyRing({ file: null, key: AGENT });
    expect(keys.find(AGENT)).toMatchObject({
      name: 'default',
      scopes: new Set(['inference', 'admin']),
    });
    expect(() => new KeyRing({ file: null, key: 'short' })).toThrow(
      'QSFT_API_KEY has 5 characters; at least 16 are needed.',
    );
  });

  it.each([
    ['', 'has no keys'],
    ['agent inference', 'line 1: needs a name, scopes and a key'],
    [`agent inference ${AGENT} secret-rest`, 'line 1: needs a name'],
    [`# x\nagent root ${AGENT}`, 'line 2: scopes must be of inference and admin'],
    [`agent , ${AGENT}`, 'line 1: scopes'],
    [`a/b inference ${AGENT}`, 'line 1: the name'],
    ['agent inference sha256:0123', 'line 1: sha256: takes 64'],
    ['agent inference clé-clé-clé-clé-clé', 'line 1: the key must be'],
  ])('refuses the file %j by its line and repeats no key', (text, message) => {
    expect(() => ring(text)).toThrow(message);
    try {
      ring(text);
    } catch (error) {
      expect(String(error)).not.toMatch(/agent-key|secret-rest/);
    }
  });

  it('says which file it cannot read', () => {
    expect(() => new KeyRing({ file: join(folder, 'none'), key: null })).toThrow(/none .*ENOENT/);
  });
});
