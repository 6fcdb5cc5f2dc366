// The folder of a policy, checked before anything in it is loaded: the manifest's shape and every file's sha256.
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { manifestSchema, type PolicyManifest } from './manifest.ts';

const chunkBytes = 1 << 20;
const MAX_MANIFEST_BYTES = 16 << 20;

/** What the server reads of a folder whether the manifest names it or not. */
const TEXT_FILES = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'];

export function readManifest(folder: string): PolicyManifest {
  const path = join(folder, 'policy.json');
  const problem = folderProblem(folder);
  if (problem !== null) {
    throw new Error(
      `${problem}: a policy is a folder with a policy.json, as \`qsft export\` writes it.`,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(readSmallFile(path));
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
    });
  }
  const result = manifestSchema.safeParse(content);
  if (!result.success) {
    throw new Error(`${path} is not a policy's manifest:\n${z.prettifyError(result.error)}`);
  }
  checkTokenIds(path, result.data);
  return result.data;
}

function folderProblem(folder: string): string | null {
  const status = statSync(folder, { throwIfNoEntry: false });
  if (status === undefined) return `There is no folder ${folder}`;
  if (!status.isDirectory()) return `${folder} is not a folder`;
  return isThere(folder, 'policy.json') ? null : `${folder} has no policy.json`;
}

/** It is the one file that no sha256 holds: a link, a pipe or a file without an end must not be read. */
function readSmallFile(path: string): string {
  const status = lstatSync(path);
  if (!status.isFile()) throw new Error('it is not a regular file');
  if (status.size > MAX_MANIFEST_BYTES) {
    throw new Error(`it has ${status.size} bytes and may have ${MAX_MANIFEST_BYTES}`);
  }
  return readFileSync(path, 'utf8');
}

function checkTokenIds(path: string, manifest: PolicyManifest): void {
  for (const field of ['eos_token_ids', 'reserved_token_ids'] as const) {
    const beyond = manifest[field].find((id) => id >= manifest.vocab_size);
    if (beyond === undefined) continue;
    throw new Error(
      `${path}: ${field} has ${beyond}, and vocab_size is ${manifest.vocab_size}: ids end at ${manifest.vocab_size - 1}.`,
    );
  }
}

/** Refuses a folder whose files are not, to the byte, those the manifest was written for. */
export function verifyFiles(folder: string, manifest: PolicyManifest): void {
  if (!('step.onnx' in manifest.files)) {
    throw new Error(`${join(folder, 'policy.json')}: files does not name step.onnx.`);
  }
  const stray = TEXT_FILES.find((name) => !(name in manifest.files) && isThere(folder, name));
  if (stray !== undefined) {
    throw new Error(
      `${join(folder, stray)} is not among the files of policy.json: export the policy again with it, or remove it.`,
    );
  }
  for (const [name, expected] of Object.entries(manifest.files)) {
    if (name === '.' || name === '..' || /[/\\\0]/.test(name)) {
      throw new Error(
        `${join(folder, 'policy.json')}: files names ${JSON.stringify(name)}, which is not a plain file name.`,
      );
    }
    const path = join(folder, name);
    const actual = sha256(path);
    if (actual !== expected) {
      throw new Error(`${path} has sha256 ${actual}: policy.json says ${expected}.`);
    }
  }
}

function isThere(folder: string, name: string): boolean {
  return lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined;
}

function sha256(path: string): string {
  // A link could name a file outside the folder.
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (!status) throw new Error(`${path} does not exist, and policy.json names it.`);
  if (!status.isFile()) throw new Error(`${path} is not a regular file.`);
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      hash.update(chunk.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
