// The tiny policy with another vocabulary: its 54 plain tokens spell JSON, calls of tools and simple grammars.
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyPolicyFolder } from './tiny-policy.ts';

const SPECIAL = ['<pad>', '<leftover>', '<eos>', '<unk>'];

const JSON_TOKENS = [
  ...SPECIAL,
  ...'{}[]":,.-+ 0123456789abcdefghijklmnopqrstuvwxyz\\_\n',
  ...['true', 'false', 'null', '{"'],
];

const template = `{% for tool in tools or [] %}<tool_call> {{ tool.function.name }} {% endfor %}{% for message in messages %}{{ message.content }}
{% endfor %}`;

/** A folder to serve; `remove` it afterwards. */
export function jsonPolicy(chatTemplate = template): {
  readonly folder: string;
  readonly remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'json-policy-'));
  cpSync(tinyPolicyFolder, folder, { recursive: true });
  const definition = readJson(join(folder, 'tokenizer.json'));
  const vocab = Object.fromEntries(JSON_TOKENS.map((token, id) => [token, id]));
  const pattern = { Regex: 'true|false|null|\\{"|[\\s\\S]' };
  const files = {
    'tokenizer.json': JSON.stringify({
      ...definition,
      model: { type: 'WordLevel', vocab, unk_token: '<unk>' },
      pre_tokenizer: { type: 'Split', pattern, behavior: 'Isolated', invert: false },
    }),
    'chat_template.jinja': chatTemplate,
  };
  const path = join(folder, 'policy.json');
  const manifest = readJson(path) as { files: Record<string, string> };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    manifest.files[name] = createHash('sha256').update(text).digest('hex');
  }
  writeFileSync(path, JSON.stringify({ ...manifest, prompt_prefix: null }));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

function readJson(path: string): object {
  return JSON.parse(readFileSync(path, 'utf8')) as object;
}
