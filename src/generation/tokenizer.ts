// Text to token ids and back, from the policy folder's own tokenizer files.
// Knows nothing of requests; the incremental side of decoding is in `detokenizer.ts`.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { ServerError } from '../errors.ts';

export interface TextTokenizer {
  readonly vocabularySize: number;
  /** What `tokenizer.json` has: read once, for it can be large. */
  readonly definition: object;
  /** What `tokenizer_config.json` has. */
  readonly config: object;
  /**
   * Throws `invalid_request` on text the vocabulary cannot express.
   * `addsSpecialTokens` adds what the tokenizer puts around a text (a beginning of sequence, above all).
   */
  encode(text: string, options?: EncodeOptions): readonly number[] | Promise<readonly number[]>;
  /** Whether it is any part of a text: special tokens are not unless they are `kept`, and ids that stand for no token never. */
  isText(id: number, special?: 'dropped' | 'kept'): boolean;
  /** The text of those ids in a row that have any. Bytes that are no character become U+FFFD. */
  decode(ids: readonly number[], special?: 'dropped' | 'kept'): string;
  /** One token as text on its own, special tokens by their name. */
  tokenText(id: number): string;
}

/** One that encodes where it is called. */
export interface LocalTokenizer extends TextTokenizer {
  encode(text: string, options?: EncodeOptions): number[];
}

export interface EncodeOptions {
  /** Left out: false. */
  readonly addsSpecialTokens?: boolean;
}

const decoderSchema = z.object({ decoder: z.object({ type: z.string() }).nullish() });

export async function loadTokenizer(directory: string): Promise<LocalTokenizer> {
  const [definition, config] = await Promise.all([
    readJson(join(directory, 'tokenizer.json')),
    readJson(join(directory, 'tokenizer_config.json')),
  ]);
  return createTokenizer(definition, config);
}

export function createTokenizer(definition: object, config: object): LocalTokenizer {
  const tokenizer = new Tokenizer(definition, config);
  keepByteOrderMarks(tokenizer.decoder);
  const specialIds = new Set(
    [...tokenizer.get_added_tokens_decoder()]
      .filter(([, token]) => token.special)
      .map(([id]) => id),
  );
  // Without a decoder the library joins tokens with spaces; here, as with the decoder that only joins, they are the text.
  const decoderType = decoderSchema.parse(definition).decoder?.type;
  const tokensAreText = decoderType === undefined || decoderType === 'Fuse';
  const isReversible = tokensAreText && tokenizer.normalizer === null;

  function isText(id: number, special: 'dropped' | 'kept' = 'dropped'): boolean {
    return (special === 'kept' || !specialIds.has(id)) && tokenizer.id_to_token(id) !== undefined;
  }

  function decode(ids: readonly number[], special: 'dropped' | 'kept' = 'dropped'): string {
    const known = ids.filter((id) => isText(id, special));
    if (tokensAreText) return known.map((id) => tokenizer.id_to_token(id)).join('');
    // The clean-up of spaces rewrites text already sent ("a ." becomes "a."), so it stays off.
    return known.length === 0
      ? ''
      : tokenizer.decode(known, { clean_up_tokenization_spaces: false });
  }

  function encode(given: string, { addsSpecialTokens = false }: EncodeOptions = {}): number[] {
    // Half a surrogate pair has no UTF-8; as everywhere on the web it reads as U+FFFD.
    const text = given.replace(/\p{Surrogate}/gu, '\uFFFD');
    const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: addsSpecialTokens });
    // Typed as numbers, but undefined where a token is not in the vocabulary and none stands for unknown text.
    const unknown = ids.findIndex((id: number | undefined) => id === undefined);
    if (unknown !== -1) {
      throw unknownText(tokens[unknown] ?? '');
    }
    // Such a tokenizer writes a token for unknown text, or drops it; the model would see another prompt.
    if (isReversible) {
      // A special token is text where the prompt spells its name.
      const spelled = decode(ids, 'kept');
      const difference = spelled === text ? -1 : firstDifference(text, decode(ids));
      if (difference !== -1) throw unknownText(text.slice(difference));
    }
    return ids;
  }

  const anchor = tokensAreText ? undefined : findAnchor(tokenizer, decode);
  const tokenTexts = new Map<number, string>();

  function tokenText(id: number): string {
    const known = tokenTexts.get(id);
    if (known !== undefined) return known;
    const text = readToken(id);
    tokenTexts.set(id, text);
    return text;
  }

  function readToken(id: number): string {
    if (specialIds.has(id)) return tokenizer.id_to_token(id) ?? '';
    if (anchor === undefined) return decode([id]);
    return decode([anchor, id]).slice(decode([anchor]).length);
  }

  const vocabularySize = tokenizer.get_vocab().size;
  return { vocabularySize, definition, config, encode, isText, decode, tokenText };
}

/** The library's decoder of byte tokens drops a byte order mark at the start of a run of them. */
function keepByteOrderMarks(decoder: unknown): void {
  // Decoders are objects that can be called, whose `typeof` is a function's.
  if (typeof decoder !== 'function') return;
  if ('text_decoder' in decoder) {
    decoder.text_decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  }
  if ('decoders' in decoder && Array.isArray(decoder.decoders)) {
    decoder.decoders.forEach(keepByteOrderMarks);
  }
}

/** A token that reads as one letter: some decoders treat the first token of a text differently (they drop its space). */
function findAnchor(tokenizer: Tokenizer, decode: (ids: number[]) => string): number | undefined {
  for (const id of tokenizer.get_vocab(false).values()) {
    if (/^[A-Za-z]$/.test(decode([id]))) return id;
  }
  return undefined;
}

function firstDifference(expected: string, actual: string): number {
  if (expected === actual) return -1;
  let index = 0;
  while (index < actual.length && expected[index] === actual[index]) index += 1;
  return index;
}

function unknownText(text: string): ServerError {
  const shown = JSON.stringify(text.slice(0, 20));
  return new ServerError(
    'invalid_request',
    `prompt has text the model has no token for: ${shown}.`,
    {
      param: 'prompt',
    },
  );
}

async function readJson(path: string): Promise<object> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The policy's ${path} cannot be read: ${reason}`, { cause });
  }
  if (typeof value !== 'object' || value === null) throw new Error(`${path} is not a JSON object.`);
  return value;
}
