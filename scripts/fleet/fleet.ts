// npm run fleet: sizes a fleet from measured speed and fills the table of scripts/fleet/README.md (--print leaves it alone).
//   --results FILE        of npm run bench:compare or scripts/gpu-check.sh     --contestant NAME    whose timings
//   --think S --prompt TOKENS --answer TOKENS --hit SHARE[,SHARE] --ttft S --pace S     --agents N[,N]       what to size for
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fillIn, table } from '../bench/markdown.ts';
import { capacityOf, resultsSchema } from './capacity.ts';
import { sizeFleet } from './size.ts';

const { values: flags } = parseArgs({
  options: {
    results: {
      type: 'string',
      default: fileURLToPath(new URL('../bench/results.json', import.meta.url)),
    },
    contestant: { type: 'string', default: 'this server, int8' },
    think: { type: 'string', default: '10' },
    prompt: { type: 'string', default: '1000' },
    answer: { type: 'string', default: '100' },
    hit: { type: 'string', default: '0,0.9' },
    ttft: { type: 'string', default: '3' },
    pace: { type: 'string', default: '0.25' },
    agents: { type: 'string', default: '10,1000,100000' },
    print: { type: 'boolean', default: false },
  },
});

const simulatedSeconds = 1200;
const results = resultsSchema.parse(JSON.parse(await readFile(flags.results, 'utf8')));
const capacity = capacityOf(results, flags.contestant);
const target = {
  ttftP95Seconds: Number(flags.ttft),
  paceP95Seconds: Number(flags.pace),
  simulatedSeconds,
  seed: 1,
};

const rows = numbers(flags.hit).flatMap((prefixHitRate) =>
  numbers(flags.agents).map((agents) => {
    const habits = {
      thinkSeconds: Number(flags.think),
      promptTokens: Number(flags.prompt),
      answerTokens: Number(flags.answer),
      prefixHitRate,
    };
    const size = sizeFleet(capacity, habits, target, agents);
    const name = [agents.toLocaleString('en'), `${Math.round(100 * prefixHitRate)} %`];
    if (size === null) return [...name, 'none meets the target', '', '', '', ''];
    const { replicas, agentsPerReplica, load } = size;
    return [
      ...name,
      replicas.toLocaleString('en'),
      String(agentsPerReplica),
      load.tokensPerSecond.toFixed(0),
      load.ttftP95Seconds.toFixed(2),
      load.paceP95Seconds.toFixed(2),
    ];
  }),
);
const text = [
  `${flags.contestant}, measured ${results.machine}. Agents think ${flags.think} s, send ${flags.prompt} tokens and get ${flags.answer}; 95 % of first tokens come within ${flags.ttft} s, of answers at ${flags.pace} s a token or faster.`,
  '',
  table(
    [
      'agents',
      'prefix hits',
      'replicas',
      'agents each',
      'tokens/s each',
      'first token p95, s',
      'a token p95, s',
    ],
    rows,
  ),
].join('\n');
console.log(text);
if (!flags.print) await fillIn(new URL('./README.md', import.meta.url), 'fleet', text);

function numbers(list: string): number[] {
  return list.split(',').map(Number);
}
