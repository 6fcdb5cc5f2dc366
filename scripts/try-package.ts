// Packs the npm package, installs the tarball in an empty folder and asks its command for an answer: npm run package:try
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const START_TIMEOUT_MS = 60_000;

function npm(folder: string, ...args: string[]): string {
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  return execFileSync('npm', args, { cwd: folder, stdio: [...stdio], encoding: 'utf8' });
}

/** The command as npm puts it in place, started in `folder`, until it says where it serves. */
async function serve(folder: string) {
  const command = join(folder, 'node_modules', '.bin', 'qsft-server');
  const child = spawn(command, ['--port', '0', '--threads', '1'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  for await (const line of createInterface({ input: child.stdout })) {
    const { url }: { url?: string } = JSON.parse(line);
    if (url === undefined) continue;
    clearTimeout(timer);
    child.stdout.resume();
    return { child, url };
  }
  throw new Error('The installed command did not serve.');
}

const folder = mkdtempSync(join(tmpdir(), 'qsft-package-'));
try {
  const packed: [{ filename: string }] = JSON.parse(
    npm(ROOT, 'pack', '--silent', '--json', '--pack-destination', folder),
  );
  npm(folder, 'init', '--yes');
  // As this repository does: the install script of onnxruntime-node downloads CUDA libraries.
  npm(folder, 'install', '--silent', '--ignore-scripts', '--prefer-offline', packed[0].filename);
  execFileSync(join(folder, 'node_modules', '.bin', 'qsft-server'), ['check'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const { child, url } = await serve(folder);
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'wordle', prompt: 'Wordle:\n', max_tokens: 5, temperature: 0 }),
  });
  const answer: { choices?: [{ text: string }] } = JSON.parse(await response.text());
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await exited;
  const text = answer.choices?.[0].text;
  if (response.status !== 200 || text === undefined || code !== 0) {
    throw new Error(
      `answered with ${response.status} ${JSON.stringify(answer)}, exited with ${code}`,
    );
  }
  console.log(`${packed[0].filename} works: it answered ${JSON.stringify(text)}`);
} finally {
  rmSync(folder, { recursive: true });
}
