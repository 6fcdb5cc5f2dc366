// One agent's conversation, turn after turn: the time to its first token with what the cache has of it, and without.
import { median, medianRatio } from './statistics.ts';
import { type Endpoint, promptTokens, Transcript, timeToFirstTokenMs } from './transcript.ts';

export interface TurnTimes {
  readonly turn: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly withoutMs: number;
  readonly withMs: number;
  /** Of without to with, each round's own. */
  readonly ratio: number;
}

interface Observed {
  readonly cachedTokens: number;
  readonly withoutMs: number;
  readonly withMs: number;
}

export async function measureOneConversation(
  endpoint: Endpoint,
  turns: readonly number[],
  rounds: number,
): Promise<TurnTimes[]> {
  const observed = turns.map((): Observed[] => []);
  for (let round = 0; round < rounds; round++) {
    const transcript = new Transcript(endpoint, `round ${round}`);
    for (let turn = 1; turn <= Math.max(...turns); turn++) {
      transcript.observe();
      const index = turns.indexOf(turn);
      const without =
        index < 0 ? null : await transcript.askAfresh(`round ${round}, turn ${turn} afresh`);
      const answer = await transcript.answer();
      if (without === null) continue;
      observed[index]?.push({
        cachedTokens: answer.cachedTokens,
        withoutMs: timeToFirstTokenMs(without),
        withMs: timeToFirstTokenMs(answer),
      });
    }
    console.error(`one conversation: round ${round + 1} of ${rounds}`);
  }
  return turns.map((turn, index) => summary(turn, observed[index] ?? []));
}

function summary(turn: number, rounds: readonly Observed[]): TurnTimes {
  const without = rounds.map(({ withoutMs }) => withoutMs);
  const reused = rounds.map(({ withMs }) => withMs);
  return {
    turn,
    promptTokens: promptTokens(turn),
    cachedTokens: median(rounds.map(({ cachedTokens }) => cachedTokens)),
    withoutMs: median(without),
    withMs: median(reused),
    ratio: medianRatio(without, reused),
  };
}
