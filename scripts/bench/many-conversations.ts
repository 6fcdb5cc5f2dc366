// Many agents that all take their next turn at once, with a slot for each or with fewer.
import { median } from './statistics.ts';
import { type Endpoint, Transcript, timeToFirstTokenMs } from './transcript.ts';

/** All conversations' same turn. */
export interface Wave {
  readonly turn: number;
  /** In the order of the turn before, or in one of its own. */
  readonly order: 'same' | 'random';
  readonly medianMs: number;
  readonly lastMs: number;
  /** Of the prompts' tokens. */
  readonly cachedShare: number;
}

export interface ManyTimes {
  readonly conversations: number;
  readonly slots: number;
  /** The first finds nothing in the cache; the others find what is left of it. */
  readonly waves: readonly Wave[];
}

/** The turn before `lastTurn` fills the cache, so it is the measure of a turn without one: a turn shorter than with it. */
export async function measureManyConversations(
  endpoint: Endpoint,
  conversations: number,
  slots: number,
  lastTurn: number,
): Promise<ManyTimes> {
  const transcripts = Array.from(
    { length: conversations },
    (_, index) => new Transcript(endpoint, `conversation ${index}`, lastTurn - 2),
  );
  const waves = [
    await takeTurn(transcripts, lastTurn - 1, 'same'),
    await takeTurn(transcripts, lastTurn, 'same'),
  ];
  if (slots < conversations) waves.push(await takeTurn(transcripts, lastTurn + 1, 'random'));
  return { conversations, slots, waves };
}

async function takeTurn(
  transcripts: readonly Transcript[],
  turn: number,
  order: Wave['order'],
): Promise<Wave> {
  for (const transcript of transcripts) transcript.observe();
  const inOrder = order === 'same' ? transcripts : shuffled(transcripts);
  const answers = await Promise.all(inOrder.map((transcript) => transcript.answer()));
  const timesMs = answers.map(timeToFirstTokenMs);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  console.error(`${transcripts.length} conversations: turn ${turn}`);
  return {
    turn,
    order,
    medianMs: median(timesMs),
    lastMs: Math.max(...timesMs),
    cachedShare:
      sum(answers.map(({ cachedTokens }) => cachedTokens)) /
      sum(answers.map(({ promptTokens }) => promptTokens)),
  };
}

/** The same each time: a generator whose period is longer than any list here. */
export function shuffled<T>(items: readonly T[]): T[] {
  let state = 1;
  const keys = new Map(
    items.map((item) => {
      state = (state * 48_271) % 2_147_483_647;
      return [item, state];
    }),
  );
  return items.toSorted((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
}
