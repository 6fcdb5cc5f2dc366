// What a request wants to see of each answer, beside its text.
import type { GenerationRequest } from '../generation/request.ts';
import type { TokenFields } from './schema/token-fields.ts';

export interface AnswerView {
  readonly logprobs: boolean;
  readonly promptLogprobs: boolean;
  readonly tokenIds: boolean;
  /** Log-probabilities name tokens by their ids. */
  readonly namesIds: boolean;
}

export function toView(
  body: TokenFields,
  { topLogprobs, promptLogprobs }: Pick<GenerationRequest, 'topLogprobs' | 'promptLogprobs'>,
): AnswerView {
  return {
    logprobs: topLogprobs !== null,
    promptLogprobs: promptLogprobs !== null,
    tokenIds: body.return_token_ids === true,
    namesIds: body.return_tokens_as_token_ids === true,
  };
}
