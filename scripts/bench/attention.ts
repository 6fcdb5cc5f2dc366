// Attention in tiles against attention in one piece, a step of each in turns:
// npx tsx scripts/bench/attention.ts --folder scripts/out/bench/int8
import { parseArgs } from 'node:util';
import { loadPolicy } from '../../src/policy/load-policy.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { launchBuiltSideThread } from './built-side-thread.ts';
import { compareSteps, longest, mostRows, pairFlags } from './step-pairs.ts';

const { values: flags } = parseArgs({
  options: { folder: { type: 'string', default: 'scripts/out/bench/int8' }, ...pairFlags },
});

/** A policy that may run so many tokens at once that attention in one piece would take too much memory takes tiles. */
function load(inOnePiece: boolean): Policy {
  return loadPolicy({
    ...{ modelFolder: flags.folder, device: 'cpu', libraryPath: null },
    launchSideThread: launchBuiltSideThread,
    threads: Number(flags.threads),
    maxLength: longest,
    capacity: { sequences: mostRows, tokens: inOnePiece ? 512 : 2 ** 16, scored: mostRows },
  });
}

const inTiles = { name: 'in tiles', policy: load(false) };
const inOnePiece = { name: 'in one piece', policy: load(true) };
console.log(compareSteps(inTiles, inOnePiece, flags));
for (const { policy } of [inTiles, inOnePiece]) policy.release();
