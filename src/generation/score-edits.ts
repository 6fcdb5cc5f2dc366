// What a request changes of the scores and where it ends, checked against the policy's vocabulary.
import type { ScoreEditParameters } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { GenerationRequest } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { checkVocabulary } from './vocabulary.ts';

/** Null when the request changes nothing. Throws for tokens the policy does not have, and if none would be left. */
export async function resolveEdits(
  request: GenerationRequest,
  manifest: PolicyManifest,
  tokenizer: TextTokenizer,
): Promise<ScoreEditParameters | null> {
  const { presencePenalty, frequencyPenalty, repetitionPenalty } = request;
  const { logitBias, minTokens, allowedTokenIds } = request;
  checkTokenIds(request, manifest);
  const bannedSequences = await bannedTokens(request.bannedWords, tokenizer);
  checkSomeTokenIsLeft(request, bannedSequences, manifest);
  const isNeutral =
    presencePenalty === 0 &&
    frequencyPenalty === 0 &&
    repetitionPenalty === 1 &&
    logitBias.length === 0 &&
    minTokens === 0 &&
    allowedTokenIds === null &&
    bannedSequences.length === 0;
  if (isNeutral) return null;
  const penalties = { presencePenalty, frequencyPenalty, repetitionPenalty };
  return { ...penalties, logitBias, minTokens, allowedTokenIds, bannedSequences };
}

/** Most vocabularies write a word behind a space with another token: a word is banned in both forms. */
async function bannedTokens(
  words: readonly string[],
  tokenizer: TextTokenizer,
): Promise<(readonly number[])[]> {
  const rowsOfWords = await Promise.all(
    words.map((word) =>
      Promise.all([word, ` ${word.trimStart()}`].map((text) => encodeWord(text, tokenizer))),
    ),
  );
  return rowsOfWords.flatMap((found, index) => {
    const rows = found.filter((ids) => ids !== null);
    if (rows.length > 0) return rows;
    const param = `bad_words[${index}]`;
    const shown = JSON.stringify(words[index]?.slice(0, 60));
    throw new ServerError('invalid_request', `${param} is ${shown}, which no tokens spell.`, {
      param,
    });
  });
}

async function encodeWord(
  text: string,
  tokenizer: TextTokenizer,
): Promise<readonly number[] | null> {
  try {
    const ids = await tokenizer.encode(text);
    return ids.length === 0 ? null : ids;
  } catch (error) {
    if (error instanceof ServerError) return null;
    throw error;
  }
}

function checkTokenIds(
  { logitBias, stopTokenIds, allowedTokenIds }: GenerationRequest,
  { vocab_size: vocabularySize }: PolicyManifest,
): void {
  const biased = logitBias.map(([id]) => id);
  checkVocabulary('logit_bias', biased, vocabularySize);
  checkVocabulary('stop_token_ids', stopTokenIds, vocabularySize);
  checkVocabulary('allowed_token_ids', allowedTokenIds ?? [], vocabularySize);
}

function checkSomeTokenIsLeft(
  { minTokens, ignoreEos, stopTokenIds, allowedTokenIds }: GenerationRequest,
  bannedSequences: readonly (readonly number[])[],
  manifest: PolicyManifest,
): void {
  const ending = [...(ignoreEos ? [] : manifest.eos_token_ids), ...stopTokenIds];
  const masked = new Set([
    ...manifest.reserved_token_ids,
    ...(minTokens === 0 ? [] : ending),
    ...bannedSequences.flatMap((row) => (row.length === 1 ? row : [])),
  ]);
  const isLeft =
    allowedTokenIds === null
      ? masked.size < manifest.vocab_size
      : allowedTokenIds.some((id) => !masked.has(id));
  if (isLeft) return;
  const param =
    allowedTokenIds !== null
      ? 'allowed_token_ids'
      : bannedSequences.length > 0
        ? 'bad_words'
        : 'stop_token_ids';
  throw new ServerError(
    'invalid_request',
    `${param} leaves no token to draw: all others are reserved, banned, or would end the answer before it has min_tokens (${minTokens}).`,
    { param },
  );
}
