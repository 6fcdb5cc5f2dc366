// What a request wants to see of each answer, beside its text.
import type { GenerationRequest } from '../generation/request.ts';
import type { TokenFields } from './schema/token-fields.ts';

export interface AnswerView {
  readonly logprobs: boolean;
  readonly promptLogprobs: boolean;
  /** What each model says of every token. */
  readonly details: boolean;
  readonly tokenIds: boolean;
  /** Log-probabilities name tokens by their ids. */
  readonly namesIds: boolean;
}

export function toView(
  body: TokenFields,
  request: Pick<GenerationRequest, 'topLogprobs' | 'promptLogprobs' | 'details'>,
): AnswerView {
  return {
    logprobs: request.topLogprobs !== null,
    promptLogprobs: request.promptLogprobs !== null,
    details: request.details,
    tokenIds: body.return_token_ids === true,
    namesIds: body.return_tokens_as_token_ids === true,
  };
}
