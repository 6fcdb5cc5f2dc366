// From a conversation to a prompt's text, by the policy's own Jinja template, rendered as Transformers renders it.
// Templates come from the policy's folder alone, never from a request.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ServerError } from '../errors.ts';
import {
  type ParsedTemplate,
  parseTemplate,
  type RenderLimits,
  runTemplate,
  TemplateRefusal,
} from './bounded-interpreter.ts';
import type { Conversation, ConversationMessage } from './conversation.ts';

export interface ChatTemplate {
  /** Whether it mentions something, which is how to learn what it knows of. */
  mentions(text: string): boolean;
  /** Throws `invalid_request` for a conversation the template cannot take, or one beyond the limits. */
  render(conversation: Conversation, limits: RenderLimits): string;
}

const tokenSchema = z.union([z.string(), z.object({ content: z.string() })]);

/** What of tokenizer_config.json is for templates. */
const configSchema = z.object({
  bos_token: tokenSchema.nullish(),
  eos_token: tokenSchema.nullish(),
  unk_token: tokenSchema.nullish(),
  pad_token: tokenSchema.nullish(),
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
});

type TemplateConfig = z.infer<typeof configSchema>;

/** Null for a policy that has none: it continues text and knows no roles. */
export async function loadChatTemplate(
  directory: string,
  tokenizerConfig: object,
  maxTemplateChars: number,
): Promise<ChatTemplate | null> {
  const config = configSchema.safeParse(tokenizerConfig);
  if (!config.success) {
    const path = join(directory, 'tokenizer_config.json');
    throw new Error(`${path}: ${z.prettifyError(config.error)}`);
  }
  const file = join(directory, 'chat_template.jinja');
  const source = existsSync(file) ? await readFile(file, 'utf8') : config.data.chat_template;
  return source == null ? null : createChatTemplate(source, config.data, maxTemplateChars);
}

/** With several named templates, `tool_use` is for requests with tools and `default` for the others. */
export function createChatTemplate(
  source: NonNullable<TemplateConfig['chat_template']>,
  config: TemplateConfig,
  maxTemplateChars: number,
): ChatTemplate {
  const sources = typeof source === 'string' ? [{ name: 'default', template: source }] : source;
  const templates = new Map(
    sources.map(({ name, template }) => [name, compile(template, maxTemplateChars)]),
  );
  const [first] = templates.values();
  if (first === undefined) throw new Error('The chat template is an empty list.');
  const plain = templates.get('default') ?? first;
  const withTools = templates.get('tool_use') ?? plain;
  const mentions = (text: string) => sources.some(({ template }) => template.includes(text));
  const specialTokens = Object.fromEntries(
    Object.entries(config)
      .filter(([name, value]) => name !== 'chat_template' && value != null)
      .map(([name, value]) => [name, tokenContent(value)]),
  );

  function render(conversation: Conversation, limits: RenderLimits): string {
    const { tools, continuesFinalMessage, addsGenerationPrompt } = conversation;
    const messages = conversation.messages.map((message) =>
      // Templates that don't know OpenAI's newer name for it would drop the message.
      message.role === 'developer' && !mentions('developer')
        ? { ...message, role: 'system' }
        : message,
    );
    const variables = {
      ...conversation.variables,
      ...specialTokens,
      messages,
      tools: tools.length === 0 ? null : tools,
      documents: null,
      add_generation_prompt: addsGenerationPrompt,
    };
    const template = tools.length === 0 ? plain : withTools;
    const text = renderSafely(template, variables, limits);
    return continuesFinalMessage ? cutAfterContent(text, messages.at(-1)) : text;
  }

  return { mentions, render };
}

function compile(source: string, maxChars: number): ParsedTemplate {
  if (source.length > maxChars) {
    throw new Error(
      `The chat template has ${source.length} characters; at most ${maxChars} are taken (max-template-chars).`,
    );
  }
  try {
    return parseTemplate(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The chat template cannot be read: ${reason}`, { cause });
  }
}

function tokenContent(token: unknown): string {
  const parsed = tokenSchema.parse(token);
  return typeof parsed === 'string' ? parsed : parsed.content;
}

function renderSafely(
  template: ParsedTemplate,
  variables: Readonly<Record<string, unknown>>,
  limits: RenderLimits,
): string {
  try {
    return runTemplate(template, variables, limits);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message =
      cause instanceof TemplateRefusal
        ? `The model's chat template refuses these messages: ${reason}`
        : `The model's chat template cannot render these messages: ${reason.slice(0, 200)}.`;
    throw new ServerError('invalid_request', message, { param: 'messages', cause });
  }
}

/** The text up to where the last message's content ends, without what the template writes behind a message. */
function cutAfterContent(text: string, last: ConversationMessage | undefined): string {
  const content = last?.content ?? '';
  const trimmed = content.trim();
  const start = trimmed === '' ? -1 : text.lastIndexOf(trimmed);
  if (start === -1) {
    throw new ServerError(
      'invalid_request',
      'continue_final_message needs a last message whose text the chat template keeps.',
      { param: 'continue_final_message' },
    );
  }
  // Templates often trim: what the content ends with counts only where it was kept.
  const kept = content.trimStart();
  const length = text.startsWith(kept, start) ? kept.length : trimmed.length;
  return text.slice(0, start + length);
}
