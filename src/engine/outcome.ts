// What a step did to the sequences it ran.
import { lateMask, noMask, noToken } from '../policy/policy.ts';
import { drawingRows, type StepBatch, tokensRun, usesValue } from '../policy/step-batch.ts';
import type { EngineFinishReason } from './messages.ts';
import { append, type Sequence, type Vocabulary } from './sequence.ts';

export interface Outcome {
  readonly sequence: Sequence;
  /** How many of its tokens were in the cache before the step. */
  readonly start: number;
  /** The answer token it gained; null while its prompt is part-way, where its mask was late, and for a token that ended it. */
  readonly token: number | null;
  /** Set when this was its last step. */
  readonly finish: EngineFinishReason | null;
  /** Set when a token was its end: an end of sequence, or one of the request's. */
  readonly endingToken?: number;
}

/** Moves the rows of a run, and those who follow them, on by what it ran and drew. */
export function advanceRows(
  batch: StepBatch<Sequence>,
  tokens: ArrayLike<number>,
  vocabulary: Vocabulary,
): readonly Outcome[] {
  const { rows, width } = batch;
  const isValued = usesValue(rows);
  return drawingRows(batch).map((sequence, index) => {
    const { past, valuePast } = sequence;
    const outcome = advance(sequence, width, tokens[index] ?? -1, vocabulary);
    // Behind tokens that the value model has not run, what it made of these is rubbish.
    if (isValued && valuePast === past) sequence.valuePast = sequence.past;
    return outcome;
  });
}

export function goingOn(outcomes: readonly Outcome[]): readonly Sequence[] {
  return outcomes.flatMap(({ sequence, finish }) => (finish === null ? [sequence] : []));
}

function advance(
  sequence: Sequence,
  width: number,
  token: number,
  vocabulary: Vocabulary,
): Outcome {
  const outcome = { sequence, start: sequence.past, token: null, finish: null };
  sequence.past += tokensRun(sequence, width);
  if (sequence.past < sequence.length) return outcome;
  if (sequence.request.maxTokens === 0) {
    // Its last token may have run without padding, which is not how others would run it.
    sequence.past -= 1;
    return { ...outcome, finish: 'length' };
  }
  if (token === lateMask) {
    sequence.past -= 1;
    return outcome;
  }
  if (token === noMask) return { ...outcome, finish: 'unmasked' };
  if (token === noToken) return { ...outcome, finish: 'dead_end' };
  const finish = append(sequence, token, vocabulary);
  const isEnding = finish === 'stop_token' || finish === 'eos';
  return isEnding ? { ...outcome, finish, endingToken: token } : { ...outcome, token, finish };
}
