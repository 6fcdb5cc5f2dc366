// The answers of completions and of chats, whole or as the chunks of a stream: what both have in common.
import type { Context } from 'hono';
import type { Usage } from '../generation/request.ts';
import { toUsage } from './completion-wire.ts';
import type { CheckedBody } from './request-body.ts';
import type { AppEnv } from './request-context.ts';
import type { streamFields } from './schema/answer-fields.ts';
import type { Fields } from './schema/fields.ts';
import { type GenerationServices, nameIgnoredFields, streamGeneration } from './send-generation.ts';

export interface Answer<Piece> {
  /** Of every chunk. */
  readonly header: object;
  readonly pieces: AsyncIterable<Piece>;
  usage(): Usage;
  /** Without header and usage. */
  toChunks(piece: Piece): readonly object[];
  toWhole(pieces: readonly Piece[]): object;
}

export async function sendAnswer<Piece>(
  context: Context<AppEnv>,
  services: GenerationServices,
  { body, ignoredFields }: CheckedBody<Fields<typeof streamFields>>,
  answer: Answer<Piece>,
): Promise<Response> {
  const response =
    body.stream === true
      ? streamGeneration(context, services, chunks(answer, body))
      : Response.json(answer.toWhole(await all(answer.pieces)));
  return nameIgnoredFields(response, ignoredFields);
}

async function all<Piece>(pieces: AsyncIterable<Piece>): Promise<Piece[]> {
  const collected: Piece[] = [];
  for await (const piece of pieces) collected.push(piece);
  return collected;
}

async function* chunks<Piece>(
  answer: Answer<Piece>,
  { stream_options: options }: Fields<typeof streamFields>,
): AsyncGenerator<object> {
  const { header, pieces } = answer;
  const includesUsage = options?.include_usage === true;
  for await (const piece of pieces) {
    const soFar = options?.continuous_usage_stats === true ? toUsage(answer.usage()) : null;
    const usage = includesUsage ? { usage: soFar } : {};
    for (const chunk of answer.toChunks(piece)) yield { ...header, ...chunk, ...usage };
  }
  if (includesUsage) yield { ...header, choices: [], usage: toUsage(answer.usage()) };
}
