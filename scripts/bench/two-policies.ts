// A step of one policy against the same step of another, in turns:
// npx tsx scripts/bench/two-policies.ts scripts/out/bench/int8 scripts/out/bench/int8-kv-int8
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { loadPolicy } from '../../src/policy/load-policy.ts';
import { launchBuiltSideThread } from './built-side-thread.ts';
import { compareSteps, longest, mostRows, pairFlags } from './step-pairs.ts';

const { values: flags, positionals } = parseArgs({ options: pairFlags, allowPositionals: true });

const [first, second] = positionals.map((modelFolder) => ({
  name: basename(modelFolder),
  policy: loadPolicy({
    ...{ modelFolder, device: 'cpu', libraryPath: null },
    launchSideThread: launchBuiltSideThread,
    threads: Number(flags.threads),
    maxLength: longest,
    capacity: { sequences: mostRows, tokens: 512, scored: mostRows },
  }),
}));
if (first === undefined || second === undefined)
  throw new Error('Give the folders of two policies.');
console.log(compareSteps(first, second, flags));
for (const { policy } of [first, second]) policy.release();
