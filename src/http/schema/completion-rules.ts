// What the fields of a completion request may not be together. Each rule names the field at fault, or finds none.
import type { Limits } from '../limits.ts';

interface Body {
  readonly n?: number | null | undefined;
  readonly best_of?: number | null | undefined;
  readonly stream?: boolean | null | undefined;
  readonly echo?: boolean | null | undefined;
  readonly max_tokens?: number | null | undefined;
  readonly prompt_logprobs?: number | null | undefined;
  readonly suffix?: string | null | undefined;
}

type Problem = readonly [field: string, message: string];

export function findProblem(body: Body, prompts: number, { maxN }: Limits): Problem | null {
  return (
    checkBestOf(body) ??
    checkAnswers(body, prompts, maxN) ??
    checkPromptOnly(body) ??
    checkSuffix(body)
  );
}

function checkBestOf({ n, best_of: drawn, stream }: Body): Problem | null {
  const given = n ?? 1;
  if (drawn == null || drawn === given) return null;
  if (drawn < given) return ['best_of', `must be at least n (${given})`];
  if (stream !== true) return null;
  return ['best_of', `must be n (${given}) with stream: none is the best before all are whole`];
}

function checkAnswers({ n, best_of: drawn }: Body, prompts: number, maxN: number): Problem | null {
  const answers = prompts * (drawn ?? n ?? 1);
  if (answers <= maxN) return null;
  const factor = drawn == null ? 'n' : 'best_of';
  const field = drawn == null && n == null ? 'prompt' : factor;
  return [field, `must make at most ${maxN} answers (prompts times ${factor}), not ${answers}`];
}

function checkPromptOnly({ max_tokens: maxTokens, ...body }: Body): Problem | null {
  const readsPrompt = body.echo === true || body.prompt_logprobs != null;
  if (maxTokens === 0 && !readsPrompt) {
    return ['max_tokens', 'must be at least 1 unless echo or prompt_logprobs asks for the prompt'];
  }
  if (body.prompt_logprobs == null || body.stream !== true) return null;
  return ['prompt_logprobs', 'cannot be used with stream'];
}

function checkSuffix({ suffix, echo }: Body): Problem | null {
  return suffix && echo === true ? ['suffix', 'cannot be used with echo'] : null;
}
