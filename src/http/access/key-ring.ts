// The API keys this server takes: which caller a presented key belongs to, and what it may do. Only hashes are kept.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

const SCOPES = ['inference', 'admin'] as const;

export type Scope = (typeof SCOPES)[number];

export interface Caller {
  /** Of the key, not the key. Several keys may have one name, so that a key can be replaced without a gap. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

interface Entry extends Caller {
  readonly sha256: Buffer;
}

/** What may be guessed from its hash is no key: hashes are made without salt, to compare them in constant time. */
const SHORTEST_KEY = 16;
const MAX_FILE_BYTES = 1 << 20;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** What a header can carry. */
const KEY = /^[\x21-\x7e]{1,512}$/;
const SHA256 = /^sha256:([0-9a-f]{64})$/;

export interface KeySources {
  /** Lines of: a name, scopes separated by commas, the key or `sha256:` and the hexadecimal hash of it. */
  readonly file: string | null;
  /** One key with every scope, named `default`. */
  readonly key: string | null;
}

export class KeyRing {
  readonly #sources: KeySources;
  #entries: readonly Entry[];

  /** Throws, in one sentence that repeats no key, for sources that cannot be used. */
  constructor(sources: KeySources) {
    this.#sources = sources;
    this.#entries = readEntries(sources);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** One for each key. */
  get callers(): readonly Caller[] {
    return this.#entries;
  }

  /** Reads the file again; when that fails, the keys stay what they were. */
  reload(): void {
    this.#entries = readEntries(this.#sources);
  }

  /** Takes the same time whichever key it is, or none. */
  find(key: string): Caller | null {
    const presented = sha256(key);
    let found: Entry | null = null;
    for (const entry of this.#entries) {
      if (timingSafeEqual(entry.sha256, presented)) found = entry;
    }
    return found;
  }
}

function readEntries({ file, key }: KeySources): readonly Entry[] {
  const single = key === null ? [] : [singleEntry(key)];
  return file === null ? single : [...single, ...parseKeyFile(readKeyFile(file), file)];
}

function singleEntry(key: string): Entry {
  const problem = keyProblem(key);
  if (problem !== null) throw new Error(`QSFT_API_KEY ${problem}.`);
  return { name: 'default', scopes: new Set(SCOPES), sha256: sha256(key) };
}

function readKeyFile(path: string): string {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : 'unknown';
    throw new Error(`The key file ${path} cannot be read (${reason}).`, { cause });
  }
  if (content.length <= MAX_FILE_BYTES) return content.toString('utf8');
  throw new Error(
    `The key file ${path} has ${content.length} bytes; it may have ${MAX_FILE_BYTES}.`,
  );
}

/** Problems are told by line: a message must not repeat what could be a key. */
export function parseKeyFile(text: string, path: string): readonly Entry[] {
  const entries = text.split('\n').flatMap((line, index) => {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#')) return [];
    const refuse = (problem: string): never => {
      throw new Error(`${path}, line ${index + 1}: ${problem}.`);
    };
    const [name = '', scopes = '', key = ''] = words;
    if (words.length !== 3) refuse('needs a name, scopes and a key, with spaces between them');
    if (!NAME.test(name))
      refuse('the name must be 1 to 64 letters, digits, dots, dashes or underscores');
    return [{ name, scopes: parseScopes(scopes, refuse), sha256: parseKey(key, refuse) }];
  });
  if (entries.length === 0) throw new Error(`The key file ${path} has no keys.`);
  return entries;
}

function parseScopes(text: string, refuse: (problem: string) => never): ReadonlySet<Scope> {
  const scopes = text.split(',').map((word) => SCOPES.find((scope) => scope === word));
  const known = scopes.filter((scope) => scope !== undefined);
  if (known.length < scopes.length) refuse(`scopes must be of ${SCOPES.join(' and ')}`);
  return new Set(known);
}

function parseKey(text: string, refuse: (problem: string) => never): Buffer {
  const [, hash] = SHA256.exec(text) ?? [];
  if (hash !== undefined) return Buffer.from(hash, 'hex');
  if (text.startsWith('sha256:')) refuse('sha256: takes 64 lower-case hexadecimal digits');
  const problem = keyProblem(text);
  return problem === null ? sha256(text) : refuse(`the key ${problem}`);
}

function keyProblem(key: string): string | null {
  if (!KEY.test(key)) return 'must be at most 512 characters of visible ASCII';
  return key.length < SHORTEST_KEY
    ? `has ${key.length} characters; at least ${SHORTEST_KEY} are needed`
    : null;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
