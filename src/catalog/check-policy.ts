// What `qsft-server check` says of a policy that could be served: loaded, run once, closed again.
import { describeCache } from '../engine/describe-cache.ts';
import type { PolicyDescription } from '../engine/describe-policy.ts';
import type { ServedPolicy } from './served-policy.ts';

/** Rejects with one sentence when the policy could not be served. */
export async function checkPolicy(
  description: PolicyDescription,
  open: (description: PolicyDescription) => Promise<ServedPolicy>,
): Promise<string> {
  const { folder, manifest, memoryBytes } = description;
  const { precision, vocab_size, defaults, files } = manifest;
  const { engine, chat, close } = await open(description);
  const { device, kvCacheBytes } = engine.model;
  await close();
  const rows = [
    ['folder', folder],
    ['files', `${Object.keys(files).length}, each with the sha256 that policy.json says`],
    ['models', `${precision}, vocabulary ${vocab_size}, up to ${manifest.max_length} tokens`],
    ['default', `extraction ${defaults.extraction}, beta ${defaults.beta}, q ${defaults.q}`],
    [
      'conversations',
      chat.hasTemplate ? `yes; tools: ${chat.toolFormat ?? 'none'}` : 'no template',
    ],
    ['runs on', `${device}: ${describeCache(engine.model, manifest)}`],
    ['memory', `${mebibytes(memoryBytes)}, ${mebibytes(kvCacheBytes)} of it KV cache`],
  ];
  return ['can be served', ...rows.map(([name = '', is]) => `  ${name.padEnd(14)}${is}`)].join(
    '\n',
  );
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
