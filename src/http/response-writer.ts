// The answer of POST /v1/responses as it grows: pieces in, OpenAI's events out, the response object kept beside them.
// Whole answers are read from the same object, so that both ways say the same.
import type { AnswerPiece } from '../generation/read-answers.ts';
import type { GeneratedToken, Usage } from '../generation/request.ts';
import { errorBody } from './error-response.ts';
import { newId, toResponseUsage } from './responses-wire.ts';
import type { OutputItem, ResponseEvent, ResponseObject } from './schema/responses-object.ts';
import { toTokenLogprobs } from './token-logprobs-wire.ts';

type MessageItem = Extract<OutputItem, { type: 'message' }>;
type OutputText = MessageItem['content'][number];
type CallItem = Extract<OutputItem, { type: 'function_call' }>;
type Status = CallItem['status'];

export class ResponseWriter {
  readonly #output: OutputItem[] = [];
  readonly #reportsTokens: boolean;
  #response: ResponseObject;
  #sequenceNumber = 0;
  /** The message being written, always the last of the output. */
  #message: { readonly id: string; readonly part: OutputText } | null = null;
  /** The call being written, likewise. */
  #call: CallItem | null = null;

  constructor(response: ResponseObject, reportsTokens: boolean) {
    this.#response = response;
    this.#reportsTokens = reportsTokens;
  }

  get response(): ResponseObject {
    return { ...this.#response, output: [...this.#output] };
  }

  open(): ResponseEvent[] {
    return [this.#lifecycle('response.created'), this.#lifecycle('response.in_progress')];
  }

  write(piece: Exclude<AnswerPiece, { kind: 'end' }>): ResponseEvent[] {
    switch (piece.kind) {
      case 'call':
        return [...this.#closeItem('completed'), ...this.#openCall(piece)];
      case 'arguments':
        return this.#arguments(piece.text);
      case 'text': {
        const opening =
          this.#message === null ? [...this.#closeItem('completed'), ...this.#openMessage()] : [];
        return [...opening, ...this.#text(piece.text, piece.tokens)];
      }
      default:
        return piece satisfies never;
    }
  }

  close({ finishReason, tokens }: Extract<AnswerPiece, { kind: 'end' }>, usage: Usage) {
    const isCut = finishReason === 'length';
    const events: ResponseEvent[] = [];
    // An answer without a word is a message all the same.
    if (this.#output.length === 0) events.push(...this.#openMessage());
    if (this.#message !== null && tokens.length > 0) events.push(...this.#text('', tokens));
    events.push(...this.#closeItem(isCut ? 'incomplete' : 'completed'));
    this.#response = {
      ...this.#response,
      status: isCut ? 'incomplete' : 'completed',
      incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
      usage: toResponseUsage(usage),
    };
    return [...events, this.#lifecycle(isCut ? 'response.incomplete' : 'response.completed')];
  }

  fail(failure: unknown, usage: Usage): ResponseEvent[] {
    const { message, code } = errorBody(failure).error;
    this.#response = {
      ...this.#response,
      status: 'failed',
      error: { code: code ?? 'server_error', message },
      usage: toResponseUsage(usage),
    };
    return [this.#lifecycle('response.failed')];
  }

  #event(type: string, fields: object): ResponseEvent {
    const event = { type, sequence_number: this.#sequenceNumber, ...fields };
    this.#sequenceNumber += 1;
    return event;
  }

  #lifecycle(type: string): ResponseEvent {
    return this.#event(type, { response: this.response });
  }

  #openMessage(): ResponseEvent[] {
    const id = newId('msg');
    const item: MessageItem = {
      type: 'message',
      id,
      status: 'in_progress',
      role: 'assistant',
      content: [],
    };
    const part: OutputText = { type: 'output_text', text: '', annotations: [], logprobs: [] };
    this.#output.push(item);
    this.#message = { id, part };
    return [
      this.#event('response.output_item.added', { output_index: this.#lastIndex, item }),
      this.#event('response.content_part.added', {
        ...this.#place(id),
        part: { ...part, logprobs: [] },
      }),
    ];
  }

  #text(text: string, tokens: readonly GeneratedToken[]): ResponseEvent[] {
    if (this.#message === null) return [];
    const { id, part } = this.#message;
    const logprobs = this.#reportsTokens ? toTokenLogprobs(tokens) : [];
    part.text += text;
    part.logprobs.push(...logprobs);
    const fields = { ...this.#place(id), delta: text, logprobs };
    return [this.#event('response.output_text.delta', fields)];
  }

  #closeItem(status: Status): ResponseEvent[] {
    return [...this.#closeMessage(status), ...this.#closeCall(status)];
  }

  #closeMessage(status: Status): ResponseEvent[] {
    if (this.#message === null) return [];
    const { id, part } = this.#message;
    const { text, logprobs } = part;
    const item: MessageItem = { type: 'message', id, status, role: 'assistant', content: [part] };
    this.#message = null;
    this.#output[this.#lastIndex] = item;
    return [
      this.#event('response.output_text.done', { ...this.#place(id), text, logprobs }),
      this.#event('response.content_part.done', { ...this.#place(id), part }),
      this.#event('response.output_item.done', { output_index: this.#lastIndex, item }),
    ];
  }

  #openCall({ id, name }: Extract<AnswerPiece, { kind: 'call' }>): ResponseEvent[] {
    const item: CallItem = {
      type: 'function_call',
      id: newId('fc'),
      call_id: id,
      name,
      arguments: '',
      status: 'in_progress',
    };
    this.#output.push(item);
    this.#call = item;
    return [this.#event('response.output_item.added', { output_index: this.#lastIndex, item })];
  }

  #arguments(delta: string): ResponseEvent[] {
    if (this.#call === null) return [];
    this.#call = { ...this.#call, arguments: this.#call.arguments + delta };
    const place = { item_id: this.#call.id, output_index: this.#lastIndex };
    return [this.#event('response.function_call_arguments.delta', { ...place, delta })];
  }

  #closeCall(status: Status): ResponseEvent[] {
    if (this.#call === null) return [];
    const item = { ...this.#call, status };
    const { id, name, arguments: text } = item;
    this.#call = null;
    this.#output[this.#lastIndex] = item;
    const place = { item_id: id, output_index: this.#lastIndex };
    return [
      this.#event('response.function_call_arguments.done', { ...place, name, arguments: text }),
      this.#event('response.output_item.done', { output_index: this.#lastIndex, item }),
    ];
  }

  get #lastIndex(): number {
    return this.#output.length - 1;
  }

  #place(id: string) {
    return { item_id: id, output_index: this.#lastIndex, content_index: 0 };
  }
}
