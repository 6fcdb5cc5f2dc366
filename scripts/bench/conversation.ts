// What the reuse of prefixes gives an agent that resends its growing transcript: npm run bench:conversation -- [--quick]
// Fills in the tables of README.md beside this file and writes conversation.json.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { servedModel } from '../served-model.ts';
import { startServerProcess } from '../server-process.ts';
import { affordableSequences } from './cache-size.ts';
import { manyTable, turnTable } from './conversation-tables.ts';
import { type ManyTimes, measureManyConversations } from './many-conversations.ts';
import { dateAndMachine, fillIn } from './markdown.ts';
import { measureOneConversation } from './one-conversation.ts';
import { answerTokens, type Endpoint, observationTokens, promptTokens } from './transcript.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: 'scripts/out/bench/int8' },
    turns: { type: 'string', default: '1,5,10,20' },
    rounds: { type: 'string', default: '5' },
    /** Conversations at once × slots of the cache. */
    many: { type: 'string', default: '64x64,16x8' },
    'prefix-cache': { type: 'string', default: 'prompts' },
    /** To see that everything runs: its figures mean little. */
    quick: { type: 'boolean', default: false },
    /** Print the results and leave the files alone. */
    print: { type: 'boolean', default: false },
  },
});

const turns = (flags.quick ? '1,2,4' : flags.turns).split(',').map(Number);
const rounds = flags.quick ? 1 : Number(flags.rounds);
const lastTurn = Math.max(...turns);
/** One turn more, for conversations that have fewer slots. */
const maxLength = promptTokens(lastTurn + 1) + answerTokens;

async function serve<T>(slots: number, measure: (endpoint: Endpoint) => Promise<T>): Promise<T> {
  const settings = {
    ...{ model: flags.folder, 'prefix-cache': flags['prefix-cache'] },
    ...{ 'max-sequences': slots, 'max-model-len': maxLength },
  };
  const { url, stop } = await startServerProcess(
    Object.entries(settings).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
  );
  try {
    const { id } = await servedModel(url);
    return await measure({ url, model: id });
  } finally {
    await stop();
  }
}

const one = await serve(8, async (endpoint) => {
  // A warm-up.
  await measureOneConversation(endpoint, [1, 2], 1);
  return measureOneConversation(endpoint, turns, rounds);
});

const many: ManyTimes[] = [];
for (const pair of (flags.quick ? '4x4,4x2' : flags.many).split(',')) {
  const [conversations = 1, slots = 1] = pair.split('x').map(Number);
  if (slots > affordableSequences(maxLength)) {
    console.error(`${pair}: the cache is too large for this machine's memory`);
    continue;
  }
  many.push(
    await serve(slots, (endpoint) =>
      measureManyConversations(endpoint, conversations, slots, lastTurn),
    ),
  );
}

const report = `${dateAndMachine()}, ${flags.folder}, \`--prefix-cache ${flags['prefix-cache']}\`. Each turn adds ${observationTokens} observed tokens and ${answerTokens} of the answer. Time to first token at the client, through HTTP and the tokenizer.

One conversation, medians of ${rounds}; "without" asks the same under a fresh \`cache_salt\`:

${turnTable(one)}

Many conversations, all taking turn ${lastTurn} at once; "without" is turn ${lastTurn - 1}, of which nothing was cached (and whose prompt is ${observationTokens + answerTokens} tokens shorter):

${manyTable(many)}`;

if (flags.print) {
  console.log(report);
} else {
  await fillIn(new URL('./README.md', import.meta.url), 'conversation', report);
  const everything = { machine: dateAndMachine(), folder: flags.folder, rounds, one, many };
  await writeFile(
    new URL('./conversation.json', import.meta.url),
    `${JSON.stringify(everything, null, 2)}\n`,
  );
}
