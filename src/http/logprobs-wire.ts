// Log-probabilities in the shapes of OpenAI's completions and of vLLM's prompt_logprobs; with details, what each model says.
import type { GeneratedToken, ModelsView, RatedText } from '../generation/request.ts';
import type {
  CompletionLogprobs,
  PromptLogprobs,
  TokenDetails,
} from './schema/completion-response.ts';

/** What JSON gets for a probability of zero, as other servers of this API send it. */
const LOWEST_LOGPROB = -9999;

export function toLegacyLogprobs(
  tokens: readonly GeneratedToken[],
  details: boolean,
): CompletionLogprobs {
  return {
    tokens: tokens.map((token) => token.text),
    token_logprobs: tokens.map(({ logprob }) => (logprob === null ? null : finite(logprob))),
    top_logprobs: tokens.map((token) => topLogprobs(token)),
    text_offset: tokens.map((token) => token.textOffset),
    ...(details ? { qsft: tokens.map(toTokenDetails) } : {}),
  };
}

/** Tokens under the names of their ids, which tell apart those that read the same. */
export function namedByIds(tokens: readonly GeneratedToken[]): GeneratedToken[] {
  return tokens.map((token) => ({
    ...nameById(token),
    top: token.top?.map(nameById) ?? null,
  }));
}

function nameById<Token extends RatedText | GeneratedToken>(token: Token): Token {
  return { ...token, text: `token_id:${token.tokenId}` };
}

/** By token id; null for the first token, which nothing predicts. */
export function toPromptLogprobs(token: GeneratedToken): PromptLogprobs {
  const { tokenId, text, logprob, models, top } = token;
  if (logprob === null) return null;
  const ranked = (top ?? []).map((rated, index) => ({ ...rated, rank: index + 1 }));
  const own = ranked.find((rated) => rated.tokenId === tokenId);
  const rated = own === undefined ? [{ tokenId, text, logprob, models, rank: null }] : [];
  return Object.fromEntries(
    [...rated, ...ranked].map((entry) => [
      String(entry.tokenId),
      {
        logprob: finite(entry.logprob),
        rank: entry.rank,
        decoded_token: entry.text,
        ...(entry.models === null ? {} : { qsft: toModelsView(entry.models) }),
      },
    ]),
  );
}

/** The alternatives and the token itself. Of tokens that read the same, the most probable counts. */
function topLogprobs(token: GeneratedToken): Record<string, number> | null {
  if (token.logprob === null || token.top === null) return null;
  const entries = [...token.top, { text: token.text, logprob: token.logprob }];
  const best = new Map<string, number>();
  for (const { text, logprob } of entries) {
    best.set(text, Math.max(finite(logprob), best.get(text) ?? LOWEST_LOGPROB));
  }
  return Object.fromEntries(best);
}

/** Alternatives as in `top_logprobs`. */
function toTokenDetails({ text, models, kl, top }: GeneratedToken): TokenDetails | null {
  if (models === null || kl === null) return null;
  const views = new Map<string, ReturnType<typeof toModelsView>>();
  for (const rated of [...(top ?? []), { text, models }]) {
    if (rated.models === null || views.has(rated.text)) continue;
    views.set(rated.text, toModelsView(rated.models));
  }
  return { ...toModelsView(models), kl, top: Object.fromEntries(views) };
}

export function toModelsView({ behaviorLogprob, value, ratio }: ModelsView) {
  return { behavior_logprob: finite(behaviorLogprob), value, ratio };
}

export function finite(logprob: number): number {
  return Math.max(logprob, LOWEST_LOGPROB);
}
