// What may enter the engine. A sequence that got past here cannot make a run fail for the others in its batch.
import { ServerError } from '../errors.ts';
import type { PolicyManifest } from '../policy/manifest.ts';
import type { EngineModel, SequenceRequest } from './messages.ts';

export function checkInput(
  { promptIds, maxTokens }: Pick<SequenceRequest, 'promptIds' | 'maxTokens'>,
  { maxLength }: EngineModel,
  { vocab_size: vocabularySize }: PolicyManifest,
): void {
  if (promptIds.length === 0) {
    throw new ServerError('invalid_request', 'prompt has no tokens: at least 1 is needed.', {
      param: 'prompt',
    });
  }
  if (promptIds.length + maxTokens > maxLength) {
    throw new ServerError(
      'context_length_exceeded',
      `prompt has ${promptIds.length} tokens and max_tokens is ${maxTokens}: together they may be at most ${maxLength}.`,
      { param: 'prompt' },
    );
  }
  const unknown = promptIds.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (unknown !== undefined) {
    throw new ServerError(
      'invalid_request',
      `prompt has token id ${unknown}: ids go from 0 to ${vocabularySize - 1}.`,
      { param: 'prompt' },
    );
  }
}
