// What a request changes of the scores and where it ends, checked against the policy's vocabulary.
import type { ScoreEditParameters } from '../engine/messages.ts';
import { ServerError } from '../errors.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { GenerationRequest } from './request.ts';

/** Null when the request changes nothing. */
export function resolveEdits({
  presencePenalty,
  frequencyPenalty,
  repetitionPenalty,
  logitBias,
  minTokens,
}: GenerationRequest): ScoreEditParameters | null {
  const isNeutral =
    presencePenalty === 0 &&
    frequencyPenalty === 0 &&
    repetitionPenalty === 1 &&
    logitBias.length === 0 &&
    minTokens === 0;
  return isNeutral
    ? null
    : { presencePenalty, frequencyPenalty, repetitionPenalty, logitBias, minTokens };
}

export function checkTokenIds(request: GenerationRequest, manifest: PolicyManifest): void {
  const biased = request.logitBias.map(([id]) => id);
  checkVocabulary('logit_bias', biased, manifest);
  checkVocabulary('stop_token_ids', request.stopTokenIds, manifest);
  checkSomeTokenIsLeft(request, manifest);
}

function checkVocabulary(
  param: string,
  ids: readonly number[],
  { vocab_size: vocabularySize }: PolicyManifest,
): void {
  const unknown = ids.find((id) => id >= vocabularySize);
  if (unknown === undefined) return;
  throw new ServerError(
    'invalid_request',
    `${param} has token id ${unknown}; the model's ids end at ${vocabularySize - 1}.`,
    { param },
  );
}

function checkSomeTokenIsLeft(
  { minTokens, ignoreEos, stopTokenIds }: GenerationRequest,
  manifest: PolicyManifest,
): void {
  if (minTokens === 0) return;
  const eosTokenIds = ignoreEos ? [] : manifest.eos_token_ids;
  const masked = new Set([...manifest.reserved_token_ids, ...eosTokenIds, ...stopTokenIds]);
  if (masked.size < manifest.vocab_size) return;
  throw new ServerError(
    'invalid_request',
    `stop_token_ids has every token of the model, and min_tokens asks for ${minTokens} that do not end the answer.`,
    { param: 'stop_token_ids' },
  );
}
