// What a request's log line and its span say of what it generated: numbers and settings, never texts.
import type { AnswerReport } from '../generation/observer.ts';
import type { ServedSpan } from '../tracing.ts';
import type { GenerationRecord } from './request-context.ts';

/** What it is called where requests of all kinds of servers are traced. */
const OPERATIONS: Readonly<Record<string, string>> = {
  '/v1/completions': 'text_completion',
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
};

export interface RequestSummary {
  readonly requestId: string;
  readonly method: string;
  readonly route: string;
  readonly path: string;
  readonly status: number;
}

/** On the clock of `performance.now()`. */
interface RequestTimes {
  readonly startMs: number;
  readonly endMs: number;
}

export function logLine(
  request: RequestSummary,
  { startMs, endMs }: RequestTimes,
  generation: GenerationRecord | undefined,
  others: object,
): object {
  const generated = generation === undefined ? {} : generationFields(generation, startMs);
  return { ...request, durationMs: Math.round(endMs - startMs), ...generated, ...others };
}

function generationFields({ model, policy, answers, usage }: GenerationRecord, startMs: number) {
  const { promptTokens, cachedTokens, completionTokens } = usage();
  const { beta, extraction } = policy;
  return {
    model,
    promptTokens,
    cachedTokens,
    completionTokens,
    beta: typeof beta === 'number' ? beta : `${beta.start} to ${beta.end}`,
    extraction,
    finishReason: answers.length === 0 ? null : outcomes(answers).join(),
    queueMs: sinceMs(
      first(answers, ({ admittedAt }) => admittedAt),
      answers[0]?.submittedAt,
    ),
    firstTokenMs: sinceMs(
      first(answers, ({ firstTokenAt }) => firstTokenAt),
      startMs,
    ),
  };
}

export interface ServedRequest extends RequestSummary, RequestTimes {
  readonly error: string | null;
  readonly generation: GenerationRecord | undefined;
  readonly headers: ServedSpan['headers'];
}

export function spanOf(request: ServedRequest): ServedSpan {
  const { method, route, status, error, generation, startMs, endMs, headers } = request;
  const operation = OPERATIONS[route];
  return {
    name:
      generation === undefined || operation === undefined
        ? `${method} ${route}`
        : `${operation} ${generation.model}`,
    headers,
    startMs,
    endMs,
    isFailure: status >= 500 || error !== null,
    attributes: {
      'http.request.method': method,
      'http.route': route,
      'url.path': request.path,
      'http.response.status_code': status,
      'qsft.request_id': request.requestId,
      ...(error === null ? {} : { 'error.type': error }),
      ...(generation === undefined ? {} : generationAttributes(generation, operation)),
    },
    events: generation === undefined ? [] : generation.answers.flatMap(answerEvents),
  };
}

function generationAttributes(generation: GenerationRecord, operation: string | undefined) {
  const { model, settings, policy, answers } = generation;
  const { promptTokens, cachedTokens, completionTokens } = generation.usage();
  const { beta } = policy;
  return {
    ...(operation === undefined ? {} : { 'gen_ai.operation.name': operation }),
    'gen_ai.provider.name': 'qsft',
    'gen_ai.request.model': model,
    'gen_ai.response.model': model,
    'gen_ai.request.choice.count': settings.choicesPerPrompt,
    ...(settings.maxTokens === null ? {} : { 'gen_ai.request.max_tokens': settings.maxTokens }),
    'gen_ai.request.temperature': settings.temperature,
    'gen_ai.request.top_p': settings.topP,
    'gen_ai.request.top_k': settings.topK,
    'gen_ai.request.frequency_penalty': settings.frequencyPenalty,
    'gen_ai.request.presence_penalty': settings.presencePenalty,
    ...(settings.seed === null ? {} : { 'gen_ai.request.seed': settings.seed }),
    'gen_ai.usage.input_tokens': promptTokens,
    'gen_ai.usage.cache_read.input_tokens': cachedTokens,
    'gen_ai.usage.output_tokens': completionTokens,
    'gen_ai.response.finish_reasons': answers.map(({ outcome }) => outcome ?? 'abort'),
    'qsft.beta': typeof beta === 'number' ? beta : beta.start,
    ...(typeof beta === 'number' ? {} : { 'qsft.beta.end': beta.end }),
    'qsft.extraction': policy.extraction,
    'qsft.q': policy.q,
  };
}

/** Up to the slot it is queued, up to the first token it is prefilled. */
function answerEvents(answer: AnswerReport, index: number): ServedSpan['events'] {
  const { submittedAt, admittedAt, firstTokenAt, endedAt, outcome } = answer;
  const event = (name: string, atMs: number | null, own = {}) =>
    atMs === null ? [] : [{ name, atMs, attributes: { 'qsft.answer': index, ...own } }];
  return [
    ...event('queued', submittedAt),
    ...event('prefill', admittedAt, { 'qsft.cached_tokens': answer.cachedTokens }),
    ...event('first_token', firstTokenAt),
    ...event('end', endedAt, {
      'qsft.finish_reason': outcome ?? 'abort',
      'gen_ai.usage.output_tokens': answer.completionTokens,
    }),
  ];
}

/** An answer that has not ended when its request has is about to be cancelled. */
function outcomes(answers: readonly AnswerReport[]): string[] {
  return [...new Set(answers.map(({ outcome }) => outcome ?? 'abort'))].sort();
}

function first(
  answers: readonly AnswerReport[],
  time: (answer: AnswerReport) => number | null,
): number | null {
  const times = answers.flatMap((answer) => time(answer) ?? []);
  return times.length === 0 ? null : Math.min(...times);
}

function sinceMs(at: number | null, start: number | undefined): number | null {
  return at === null || start === undefined ? null : Math.round((at - start) * 10) / 10;
}
