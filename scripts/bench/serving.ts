// Measures a server as its clients see it: npm run bench -- [--url URL] [--json FILE]
// Without --url it serves --model itself, on a free port.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { servedModel } from '../served-model.ts';
import { startServerProcess } from '../server-process.ts';
import { type LevelResult, type LoadOptions, runLevel } from './load.ts';

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string' },
    model: { type: 'string', default: 'models/wordle' },
    json: { type: 'string' },
    concurrency: { type: 'string', default: '1,8,32' },
    /** For each level, times its concurrency. */
    rounds: { type: 'string', default: '4' },
    prompt: { type: 'string', default: 'Wordle:\n' },
    'max-tokens': { type: 'string', default: '64' },
    seed: { type: 'string', default: '0' },
  },
});

async function benchmark(url: string): Promise<void> {
  const { id } = await servedModel(url);
  const options: LoadOptions = {
    url,
    model: id,
    prompt: () => flags.prompt,
    maxTokens: Number(flags['max-tokens']),
    seed: Number(flags.seed),
  };
  const results: LevelResult[] = [];
  for (const concurrency of flags.concurrency.split(',').map(Number)) {
    await runLevel(options, concurrency, concurrency);
    results.push(await runLevel(options, concurrency, concurrency * Number(flags.rounds)));
  }
  console.log(table(results));
  if (flags.json !== undefined) {
    const { url: _, ...load } = { ...options, prompt: flags.prompt };
    await writeFile(flags.json, `${JSON.stringify({ load, results }, null, 2)}\n`);
  }
}

function table(results: readonly LevelResult[]): string {
  const rows = results.map((result) => {
    const { timeToFirstTokenMs: first, interTokenMs: between } = result;
    const cells = [
      result.concurrency,
      result.tokensPerSecond.toFixed(0),
      ...[first.p50, first.p99, between.p50, between.p99].map((ms) => ms.toFixed(1)),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| streams | tokens/s | first token p50, ms | p99 | between tokens p50, ms | p99 |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

if (flags.url === undefined) {
  const server = await startServerProcess(['--model', flags.model, '--log-level', 'info']);
  try {
    await benchmark(server.url);
  } finally {
    await server.stop();
  }
} else {
  await benchmark(flags.url.replace(/\/+$/, ''));
}
