// What a client has that puts a stream together, in the shape of the whole answer; without what differs between any two answers.
import type { ChatChunk, ChatCompletion } from '../../src/http/schema/chat-response.ts';
import { chatChunkSchema, chatCompletionSchema } from '../../src/http/schema/chat-response.ts';
import type { Completion, CompletionChunk } from '../../src/http/schema/completion-response.ts';
import {
  completionChunkSchema,
  completionSchema,
} from '../../src/http/schema/completion-response.ts';
import { responseEventSchema, responseSchema } from '../../src/http/schema/responses-object.ts';
import { payloads } from './test-app.ts';

/** Asks completions and chats for a stream that can be put together. */
export const STREAMED = { stream: true, stream_options: { include_usage: true } };

type Choice = Completion['choices'][number];
type ChatChoice = ChatCompletion['choices'][number];
type Logprobs = NonNullable<Choice['logprobs']>;

export async function wholeCompletion(response: Response): Promise<unknown> {
  return comparable(completionSchema.strict().parse(await response.json()));
}

export async function wholeChat(response: Response): Promise<unknown> {
  return comparable(chatCompletionSchema.strict().parse(await response.json()));
}

/** The stream must end with its usage. */
export async function streamedCompletion(response: Response): Promise<unknown> {
  const chunks = (await events(response)).map((event) =>
    completionChunkSchema.strict().parse(event),
  );
  const [first] = chunks;
  const choices: Choice[] = [];
  for (const { choices: pieces } of chunks) {
    for (const piece of pieces) addPiece(choices, piece);
  }
  const { choices: _, ...header } = first ?? {};
  return comparable({ ...header, choices: choices.filter(Boolean), usage: chunks.at(-1)?.usage });
}

function addPiece(choices: Choice[], piece: CompletionChunk['choices'][number]): void {
  const so = choices[piece.index];
  if (so === undefined) {
    choices[piece.index] = structuredClone(piece) as Choice;
    return;
  }
  if (so.finish_reason !== null) throw new Error('a piece came behind the end of its answer');
  so.text += piece.text;
  if (so.logprobs === null || piece.logprobs === null) so.logprobs ??= piece.logprobs;
  else so.logprobs = joined(so.logprobs, piece.logprobs);
  so.token_ids?.push(...(piece.token_ids ?? []));
  so.finish_reason = piece.finish_reason as Choice['finish_reason'];
  so.stop_reason = piece.stop_reason;
}

function joined(one: Logprobs, other: Logprobs): Logprobs {
  const qsft = [...(one.qsft ?? []), ...(other.qsft ?? [])];
  return {
    tokens: [...one.tokens, ...other.tokens],
    token_logprobs: [...one.token_logprobs, ...other.token_logprobs],
    top_logprobs: [...one.top_logprobs, ...other.top_logprobs],
    text_offset: [...one.text_offset, ...other.text_offset],
    ...(qsft.length === 0 ? {} : { qsft }),
  };
}

/** The stream must end with its usage. */
export async function streamedChat(response: Response): Promise<unknown> {
  const chunks = (await events(response)).map((event) => chatChunkSchema.strict().parse(event));
  const [first] = chunks;
  const choices: ChatChoice[] = [];
  let promptIds: number[] | undefined;
  for (const { choices: pieces, prompt_token_ids: ids } of chunks) {
    promptIds ??= ids;
    for (const piece of pieces) addChatPiece(choices, piece);
  }
  const { choices: _, prompt_token_ids: __, ...header } = first ?? {};
  return comparable({
    ...header,
    object: 'chat.completion',
    choices: choices.filter(Boolean),
    ...(promptIds === undefined ? {} : { prompt_token_ids: promptIds }),
    usage: chunks.at(-1)?.usage,
  });
}

type ChatPiece = ChatChunk['choices'][number];

function addChatPiece(choices: ChatChoice[], piece: ChatPiece): void {
  const { index, delta, logprobs, token_ids: ids } = piece;
  const before = choices[index] ?? emptyChoice(index);
  if (before.finish_reason !== null) throw new Error('a piece came behind the end of its answer');
  addDelta(before.message, delta);
  choices[index] = {
    ...before,
    ...(ids === undefined ? {} : { token_ids: [...(before.token_ids ?? []), ...ids] }),
    logprobs:
      logprobs === null
        ? before.logprobs
        : { ...logprobs, content: [...(before.logprobs?.content ?? []), ...logprobs.content] },
    finish_reason: piece.finish_reason as ChatChoice['finish_reason'],
    stop_reason: piece.stop_reason,
  };
}

function emptyChoice(index: number): ChatChoice {
  return {
    index,
    message: { role: 'assistant', content: null, refusal: null },
    logprobs: null,
    finish_reason: null as never,
    stop_reason: null,
  };
}

function addDelta(message: ChatChoice['message'], delta: ChatPiece['delta']): void {
  if (delta.content != null) message.content = (message.content ?? '') + delta.content;
  for (const { index, id, function: part } of delta.tool_calls ?? []) {
    message.tool_calls ??= [];
    if (id !== undefined) {
      const named = { name: part.name ?? '', arguments: '' };
      message.tool_calls[index] = { id, type: 'function', function: named };
    }
    const call = message.tool_calls[index];
    if (call === undefined || message.tool_calls.length !== index + 1) {
      throw new Error('a call, or arguments, came out of turn');
    }
    call.function.arguments += part.arguments ?? '';
  }
}

export async function wholeResponse(response: Response): Promise<unknown> {
  return comparable(responseSchema.strict().parse(await response.json()));
}

/** The last event's response, whose texts and arguments the events before it must add up to. */
export async function streamedResponse(response: Response): Promise<unknown> {
  const said = (await response.text())
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => responseEventSchema.parse(JSON.parse(event.replace(/^event: .*\ndata: /, ''))));
  const deltas: string[] = [];
  for (const { type, output_index: at, delta } of said) {
    if (type.endsWith('.delta')) deltas[Number(at)] = `${deltas[Number(at)] ?? ''}${delta}`;
  }
  const last = said.at(-1)?.response;
  const whole = responseSchema.strict().parse(last);
  const texts = whole.output.map((item) =>
    item.type === 'message' ? item.content[0]?.text : item.arguments,
  );
  const summed = texts.map((_, at) => deltas[at] ?? '');
  if (JSON.stringify(summed) !== JSON.stringify(texts)) throw new Error('deltas are missing');
  return comparable(whole);
}

async function events(response: Response): Promise<unknown[]> {
  const all = payloads(await response.text());
  if (all.pop() !== '[DONE]') throw new Error('the stream does not end with [DONE]');
  return all.map((event) => JSON.parse(event) as unknown);
}

function comparable(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer)
      .replace(/"(resp|msg|fc|call)_[0-9a-f]{32}"/g, '"$1"')
      .replace(/"(chatcmpl|cmpl)-[-0-9a-f]{36}"/, '"$1"')
      .replace(/"created(_at)?":\d+/, '"created$1":0')
      // No tokens, told or not.
      .replaceAll('"logprobs":{"content":[],"refusal":null}', '"logprobs":null'),
  );
}
