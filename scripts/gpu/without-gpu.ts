// Steps of a policy on a device that is none, by what they ask for: what would cross to the host, as the copies themselves
// say, beside what the server counts. without-gpu.sh runs this.
import koffi from 'koffi';
import { workBytes } from '../../src/policy/device-score-bytes.ts';
import { loadPolicy } from '../../src/policy/load-policy.ts';
import type { SamplingParameters } from '../../src/policy/parameters.ts';

const [modelFolder = '', libraryPath = '', runtimePath = ''] = process.argv.slice(2);
const rows = 4;
const tokens = Int32Array.of(2, 3, 4, 5);
const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: [1, 0], choice: 0 } as const;
const cases: readonly (readonly [name: string, sampling: SamplingParameters, beta: number])[] = [
  ['greedy', { ...plain, temperature: 0 }, 4],
  ['temperature 1', plain, 4],
  ['β 0, without the value model', plain, 0],
  ['top_k 40, of rubbish, which takes the row', { ...plain, topK: 40 }, 4],
  ['top_k 4000, which takes the row', { ...plain, topK: 4000 }, 4],
];

const policy = loadPolicy({
  modelFolder,
  device: 'cuda',
  libraryPath,
  threads: 1,
  maxLength: null,
  capacity: { sequences: rows, tokens: rows * tokens.length, scored: rows },
});
const isPaged = policy.manifest.kv_cache.block_size !== undefined;
const runtime = koffi.load(runtimePath);
const read = (name: string): number =>
  Number(koffi.decode(runtime.symbol(name, 'uint64_t'), 'uint64_t'));
const loaded = read('standInAllocated');
for (const [name, sampling, beta] of cases) {
  const row = { tokens, length: tokens.length, past: 0, drawn: 0, edits: null, mask: null };
  const weights = { beta, behaviorWeight: 1, ratio: 0 };
  const needsValue = beta !== 0;
  const batch = Array.from({ length: rows }, (_, index) => {
    return { ...row, blocks: isPaged ? [index] : [], weights, needsValue, sampling };
  });
  const before = read('standInToHost');
  const { scores } = policy.step({
    firstSlot: 0,
    rows: batch,
    width: tokens.length,
    scoring: 'last',
  });
  const crossed = read('standInToHost') - before;
  console.log(`${name}: ${crossed / rows} bytes a sequence and step`);
  if (crossed !== scores.hostBytes)
    throw new Error(`The server counts ${scores.hostBytes / rows}.`);
}
const work = (read('standInAllocated') - loaded) / (rows * policy.manifest.vocab_size);
console.log(`Runs took ${work.toFixed(1)} bytes of the device for each score.`);
if (work > workBytes) throw new Error(`The server counts ${workBytes}.`);
policy.cache.copy(0, 1, tokens.length);
if (!isPaged) policy.cache.swap(0, 1, tokens.length);
policy.release();
const places = isPaged ? 'blocks' : 'slots';
console.log(
  `Every node has a kernel of the CUDA provider, and ${places} are copied on the device.`,
);
