// How an answer is drawn again, where it ends and how it is sent: what every generating route takes.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { listField, textOrListField } from './collections.ts';
import { booleanField, integerField, wellFormed } from './fields.ts';

export interface AnswerFields {
  readonly seed?: z.infer<ReturnType<typeof seedField>>;
  readonly stop?: z.infer<ReturnType<typeof stopField>>;
}

export function seedField() {
  return integerField(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).nullish().meta({
    description: 'The same seed gives the same tokens, whatever else the server is doing.',
  });
}

export function stopField({ maxStopStrings, maxStopChars }: Limits) {
  const rule = `must be a string or a list of at most ${maxStopStrings} strings, each of 1 to ${maxStopChars} characters`;
  const stopString = wellFormed(z.string(rule).min(1, rule).max(maxStopChars, rule));
  const list = listField(stopString, { max: maxStopStrings, kind: rule });
  return textOrListField(stopString, list, rule).nullish().meta({
    description:
      'Strings that end an answer; they are cut from its text unless `include_stop_str_in_output`.',
  });
}

export function streamFields() {
  return {
    stream: booleanField().nullish().meta({
      description: 'Send the answer as server-sent events while it is made.',
      default: false,
    }),
    stream_options: z
      .object(
        {
          include_usage: booleanField().nullish().meta({
            description: 'End the stream with a chunk that has the usage and no choices.',
          }),
          continuous_usage_stats: booleanField().nullish().meta({
            description: 'With `include_usage`, every chunk has the usage up to it.',
          }),
        },
        'must be an object',
      )
      .nullish()
      .meta({ description: 'Only read when `stream` is true.' }),
  };
}
