// Log-probabilities as chats have them: one entry a token, each with its alternatives; with details, what each model says.
import type { GeneratedToken, RatedText } from '../generation/request.ts';
import type { AnswerView } from './answer-view.ts';
import { finite, namedByIds, toModelsView } from './logprobs-wire.ts';
import type { ChatLogprobs, TokenLogprob } from './schema/chat-response.ts';

export function toChatLogprobs(
  tokens: readonly GeneratedToken[],
  { logprobs, namesIds }: AnswerView,
): ChatLogprobs | null {
  if (!logprobs) return null;
  return { content: toTokenLogprobs(namesIds ? namedByIds(tokens) : tokens), refusal: null };
}

export function toTokenLogprobs(tokens: readonly GeneratedToken[]): TokenLogprob[] {
  return tokens.map(({ text, logprob, models, kl, top }) => ({
    ...rated({ text, logprob: logprob ?? 0 }),
    ...(models === null || kl === null ? {} : { qsft: { ...toModelsView(models), kl } }),
    top_logprobs: (top ?? []).map((alternative) => ({
      ...rated(alternative),
      ...(alternative.models === null ? {} : { qsft: toModelsView(alternative.models) }),
    })),
  }));
}

function rated({ text, logprob }: Pick<RatedText, 'text' | 'logprob'>) {
  // Half a character reads as U+FFFD, whose bytes would be someone else's.
  const bytes = text.includes('\uFFFD') ? null : [...new TextEncoder().encode(text)];
  return { token: text, logprob: finite(logprob), bytes };
}
