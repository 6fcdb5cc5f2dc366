// Writes texts by a grammar, token after token, as the engine would: with the real thread, and dice instead of a model.
import { Worker } from 'node:worker_threads';
import { type Constraints, createConstraints, type OpenText } from '../../src/constraint/client.ts';
import type { GrammarThreadData, GrammarVocabulary } from '../../src/constraint/messages.ts';
import type { TextFormat } from '../../src/constraint/text-format.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { TokenMask } from '../../src/policy/token-mask.ts';

import type { Random } from '../random.ts';

export const EOS = 0;

/** One token a character, and some of several, as vocabularies are. */
export const CHARACTERS: GrammarVocabulary = {
  encoding: 'raw',
  tokens: [
    '',
    ...Array.from({ length: 0x7f - 0x20 }, (_, at) => String.fromCharCode(0x20 + at)),
    ...['\n', '\t', 'é', '€', '{"', '": ', '", "', '}}', 'true', '12', '\\u', '\\"'],
  ],
  eosTokenIds: [EOS],
};

export function launchBuilt(workerData: GrammarThreadData): Worker {
  return new Worker(new URL('../../dist/constraint/worker.js', import.meta.url), { workerData });
}

export function openConstraints(
  compileTimeoutMs = 20_000,
  launch: (data: GrammarThreadData) => Worker = launchBuilt,
): Constraints {
  return createConstraints(
    { vocabulary: CHARACTERS, compileTimeoutMs, queueLimit: 32, onChange: () => {} },
    launch,
  );
}

export async function open(constraints: Constraints, format: TextFormat): Promise<OpenText> {
  const [text] = await constraints.open(format, 1, 'it', new AbortController().signal);
  if (text === undefined) throw new Error('no text');
  return text;
}

/** Null for a text that did not end within `maxTokens`. */
export async function writeText(
  constraints: Constraints,
  format: TextFormat,
  random: Random,
  maxTokens = 300,
): Promise<string | null> {
  const text = await open(constraints, format);
  const mask = new TokenMask(text.mask);
  const scores = new Float32Array(CHARACTERS.tokens.length);
  let written = '';
  try {
    for (let count = 0; count < maxTokens; count += 1) {
      if (mask.wait(count, Number.POSITIVE_INFINITY) !== 'ready')
        throw new Error('the mask never came');
      scores.fill(0);
      if (mask.apply(scores) === -1) throw new Error(`nothing may follow ${written}`);
      const allowed = [...scores.keys()].filter((id) => (scores[id] ?? 0) > reservedScore);
      const token = random.pick(allowed);
      if (token === EOS) return written;
      written += CHARACTERS.tokens[token];
      mask.record(token, count + 1);
    }
    return null;
  } finally {
    text.release();
  }
}
