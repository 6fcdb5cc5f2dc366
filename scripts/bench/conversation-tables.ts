// The times of conversations as tables.
import type { ManyTimes, Wave } from './many-conversations.ts';
import { table } from './markdown.ts';
import type { TurnTimes } from './one-conversation.ts';

export function turnTable(times: readonly TurnTimes[]): string {
  return table(
    ['turn', 'prompt tokens', 'of them cached', 'without, ms', 'with, ms', 'without : with'],
    times.map(({ turn, promptTokens, cachedTokens, withoutMs, withMs, ratio }) => [
      String(turn),
      String(promptTokens),
      String(cachedTokens),
      withoutMs.toFixed(0),
      withMs.toFixed(0),
      `${ratio.toFixed(1)} ×`,
    ]),
  );
}

export function manyTable(all: readonly ManyTimes[]): string {
  return table(
    [
      'conversations',
      'slots',
      'order of arrival',
      'prompt cached',
      'without, s: median (last)',
      'with, s: median (last)',
      'without : with',
    ],
    all.flatMap(({ conversations, slots, waves: [without, ...reusing] }) =>
      reusing.map((wave) => [
        String(conversations),
        String(slots),
        wave.order === 'same' ? 'as the turn before' : 'random',
        `${(100 * wave.cachedShare).toFixed(0)} %`,
        without ? seconds(without) : '',
        seconds(wave),
        without ? `${(without.medianMs / wave.medianMs).toFixed(1)} ×` : '',
      ]),
    ),
  );
}

function seconds({ medianMs, lastMs }: Wave): string {
  return `${(medianMs / 1000).toFixed(2)} (${(lastMs / 1000).toFixed(2)})`;
}
