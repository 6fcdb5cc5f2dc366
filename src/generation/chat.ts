// A conversation to a stream of answers: render the policy's template, generate, read the calls of tools.

import type { FormatLimits } from '../constraint/format-limits.ts';
import { ServerError } from '../errors.ts';
import { untilAborted } from '../until-aborted.ts';
import type { TemplateLimits } from './bounded-interpreter.ts';
import type { ChatTemplate } from './chat-template.ts';
import { type Constraint, type TextFormat, toTextFormat } from './constraint.ts';
import type { Conversation } from './conversation.ts';
import { fitConversation } from './fit-conversation.ts';
import type { Generation, Generator } from './generator.ts';
import { type AnswerPiece, readAnswers, type ToolReading } from './read-answers.ts';
import type { GenerationRequest } from './request.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { callFormat } from './tool-calls/call-format.ts';
import { createScanner, detectToolCallFormat } from './tool-calls/format.ts';
import type { ToolCallFormat } from './tool-calls/scanner.ts';

export interface ChatRequest
  extends Omit<GenerationRequest, 'prompts' | 'suffix' | 'bestOf' | 'addsSpecialTokens'> {
  readonly conversation: Conversation;
  /** Put around what the template makes what the tokenizer puts around texts. */
  readonly addsSpecialTokens: boolean;
  /** Leave out the oldest turns of a conversation that does not fit. */
  readonly dropsOldestTurns: boolean;
  /** Whether an answer may call more than one tool. */
  readonly parallelToolCalls: boolean;
  /** A call that must be: of any tool (`true`), or of the one named. */
  readonly forcedCall: boolean | string;
  /** Tools whose arguments must be by their schema. */
  readonly strictTools: ReadonlySet<string>;
}

export interface ChatGeneration extends Omit<Generation, 'deltas'> {
  /** To be read once. Fails with a ServerError; leaving it early cancels what is still running. */
  readonly pieces: AsyncIterable<AnswerPiece>;
}

export interface Chat {
  /** A policy without one only continues text. */
  readonly hasTemplate: boolean;
  /** Null where there are no tools. */
  readonly toolFormat: ToolCallFormat | null;
  /** The prompt that the template makes of a conversation. */
  encode(
    conversation: Conversation,
    addsSpecialTokens: boolean,
    signal: AbortSignal,
  ): Promise<readonly number[]>;
  /** The prompt of a request, which is refused where `start` would refuse it for its tools, its form or its conversation. */
  encodeRequest(request: ChatRequest, signal: AbortSignal): Promise<readonly number[]>;
  /** Like `Generator.start`, for a conversation. */
  start(request: ChatRequest, signal: AbortSignal): Promise<ChatGeneration>;
}

/** What a request comes down to before anything is generated. */
interface Prepared {
  readonly ids: readonly number[];
  readonly tools: ToolReading | null;
  readonly constraint: Constraint | null;
}

export interface ChatOptions {
  /** Null for a policy that only continues text. */
  readonly template: ChatTemplate | null;
  /** `auto` goes by the template. */
  readonly toolParser: ToolCallFormat | 'auto' | 'none';
  /** Strings that end every answer, beside the request's. */
  readonly stopStrings: readonly string[];
  readonly maxPromptChars: number;
  /** Of prompt and answer, in tokens. */
  readonly maxLength: number;
  readonly templateLimits: TemplateLimits;
  readonly formatLimits: FormatLimits;
}

export function createChat(
  generator: Generator,
  tokenizer: TextTokenizer,
  options: ChatOptions,
): Chat {
  const { template, toolParser, stopStrings, maxPromptChars, maxLength } = options;
  const { templateLimits, formatLimits } = options;
  const format = toolCallFormat(template, toolParser);

  async function encode(
    conversation: Conversation,
    addsSpecialTokens: boolean,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    if (template === null) throw withoutTemplate();
    const limits = { ...templateLimits, maxCharacters: maxPromptChars };
    const text = template.render(conversation, limits);
    return untilAborted(Promise.resolve(tokenizer.encode(text, { addsSpecialTokens })), signal);
  }

  async function prepare(request: ChatRequest, signal: AbortSignal): Promise<Prepared> {
    const { conversation, parallelToolCalls, forcedCall } = request;
    const { dropsOldestTurns, addsSpecialTokens, maxTokens } = request;
    if (template === null) throw withoutTemplate();
    const onlyOneCall = !parallelToolCalls || typeof forcedCall === 'string';
    const tools = toolReading(conversation, onlyOneCall, format);
    const constraint = withCalls(request, onlyOneCall, format, formatLimits);
    const encodeRest = (rest: Conversation) => encode(rest, addsSpecialTokens, signal);
    const ids = dropsOldestTurns
      ? await fitConversation(conversation, encodeRest, maxLength - (maxTokens ?? 1))
      : await encodeRest(conversation);
    return { ids, tools, constraint };
  }

  async function encodeRequest(
    request: ChatRequest,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    return (await prepare(request, signal)).ids;
  }

  async function start(request: ChatRequest, signal: AbortSignal): Promise<ChatGeneration> {
    const { conversation, parallelToolCalls, forcedCall, strictTools, echo, ...generation } =
      request;
    const { ids, tools, constraint } = await prepare(request, signal);
    const { deltas, ...rest } = await generator.start(
      {
        ...generation,
        constraint,
        prompts: [ids],
        suffix: null,
        // It is the last message that begins the answer, not the prompt.
        echo: false,
        bestOf: request.choicesPerPrompt,
        // What marks a call may be special tokens.
        skipSpecialTokens: tools === null && request.skipSpecialTokens,
        stopStrings: [...request.stopStrings, ...stopStrings, ...endOfCall(tools, format)],
      },
      signal,
    );
    const last = conversation.messages.at(-1);
    const opening = echo && last?.role === 'assistant' ? last.content : '';
    return { ...rest, pieces: readAnswers(deltas, tools, opening) };
  }

  return { hasTemplate: template !== null, toolFormat: format, encode, encodeRequest, start };
}

function toolCallFormat(
  template: ChatTemplate | null,
  toolParser: ChatOptions['toolParser'],
): ToolCallFormat | null {
  if (toolParser === 'none' || template === null) return null;
  return toolParser === 'auto' ? detectToolCallFormat(template) : toolParser;
}

function toolReading(
  { tools }: Conversation,
  onlyOneCall: boolean,
  format: ToolCallFormat | null,
): ToolReading | null {
  if (tools.length === 0) return null;
  if (format === null) {
    throw new ServerError(
      'invalid_request',
      "tools cannot be offered: this model's chat template has no place for them, or the format of its calls is not known (see --tool-parser).",
      { param: 'tools' },
    );
  }
  const offered = new Map(
    tools.map(({ function: { name, parameters } }) => [name, parameters] as const),
  );
  return { createScanner: () => createScanner(format, offered), onlyOneCall };
}

/** What the answer must be, calls included: forced ones alone, others instead of what the request demands of its text. */
function withCalls(
  { conversation: { tools }, constraint, forcedCall, strictTools }: ChatRequest,
  onlyOneCall: boolean,
  format: ToolCallFormat | null,
  limits: FormatLimits,
): Constraint | null {
  if (format === null || tools.length === 0) return constraint;
  const isForced = forcedCall !== false;
  const offered = tools.filter(
    (tool) => typeof forcedCall === 'boolean' || tool.function.name === forcedCall,
  );
  const demand = { isForced, onlyOne: onlyOneCall, strict: strictTools, limits };
  if (isForced || constraint === null) {
    const calls = callFormat(format, offered, demand);
    return calls === null ? null : { kind: 'format', format: calls, param: 'tools' };
  }
  const calls = callFormat(format, offered, { ...demand, isForced: true });
  if (calls === null) return constraint;
  const both: TextFormat = { type: 'or', elements: [toTextFormat(constraint, limits), calls] };
  return { kind: 'format', format: both, param: constraint.param };
}

/** What need not be generated where only the first call counts. */
function endOfCall(tools: ToolReading | null, format: ToolCallFormat | null): string[] {
  return tools?.onlyOneCall === true && format !== 'llama3_json' ? ['</tool_call>'] : [];
}

function withoutTemplate(): ServerError {
  return new ServerError(
    'invalid_request',
    'This model has no chat template: it continues text, through /v1/completions.',
    { param: 'model' },
  );
}
