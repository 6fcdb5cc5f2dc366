// Whether the policy has the tokens that a request names.
import { ServerError } from '../errors.ts';

/** `param` names them in the error. Ids are not negative: schemas see to that. */
export function checkVocabulary(
  param: string,
  ids: readonly number[],
  vocabularySize: number,
): void {
  const unknown = ids.find((id) => id >= vocabularySize);
  if (unknown === undefined) return;
  throw new ServerError(
    'invalid_request',
    `${param} has token id ${unknown}; the model's ids end at ${vocabularySize - 1}.`,
    { param },
  );
}
