// The text of every token, as XGrammar wants it: by what the tokenizer's decoder says of how tokens spell bytes.
import { z } from 'zod';
import type { GrammarVocabulary } from '../constraint/messages.ts';
import type { PolicyManifest } from '../policy/manifest.ts';

/** Marks of calls, which are text even where a tokenizer calls them special: a forced call is written with them. */
const CALL_MARKS = new Set(['<tool_call>', '</tool_call>']);

const decoderPart = z.object({ type: z.string() });

const definitionSchema = z.object({
  model: z.object({
    vocab: z.union([z.record(z.string(), z.int()), z.array(z.tuple([z.string(), z.number()]))]),
  }),
  added_tokens: z
    .array(z.object({ id: z.int(), content: z.string(), special: z.boolean() }))
    .default([]),
  decoder: decoderPart.extend({ decoders: z.array(decoderPart).default([]) }).nullish(),
});

type Definition = z.infer<typeof definitionSchema>;

/** From what tokenizer.json has; null for a tokenizer whose tokens are no pieces of text. */
export function grammarVocabulary(
  tokenizerDefinition: object,
  manifest: Pick<PolicyManifest, 'vocab_size' | 'eos_token_ids' | 'reserved_token_ids'>,
): GrammarVocabulary | null {
  const { success, data: definition } = definitionSchema.safeParse(tokenizerDefinition);
  if (!success) return null;
  const encoding = encodingOf(definition.decoder);
  if (encoding === null) return null;
  const tokens = Array<string>(manifest.vocab_size).fill('');
  const { vocab } = definition.model;
  const entries: readonly (readonly [string, number])[] = Array.isArray(vocab)
    ? vocab.map(([token], id) => [token, id])
    : Object.entries(vocab);
  for (const [token, id] of entries) if (id < tokens.length) tokens[id] = token;
  for (const { id, content, special } of definition.added_tokens) {
    if (id >= tokens.length) continue;
    const isText = !special || CALL_MARKS.has(content);
    tokens[id] = isText ? encodeAdded(content, encoding) : '';
  }
  for (const id of [...manifest.reserved_token_ids, ...manifest.eos_token_ids]) tokens[id] = '';
  return { encoding, tokens, eosTokenIds: manifest.eos_token_ids };
}

function encodingOf(decoder: Definition['decoder']): GrammarVocabulary['encoding'] | null {
  if (decoder == null || decoder.type === 'Fuse') return 'raw';
  const types = new Set([decoder.type, ...decoder.decoders.map(({ type }) => type)]);
  if (types.has('ByteLevel')) return 'byte_level';
  return types.has('ByteFallback') || types.has('Metaspace') ? 'byte_fallback' : null;
}

/** Added tokens are written as they are; a byte-level vocabulary has one character of its own for each byte. */
function encodeAdded(content: string, encoding: GrammarVocabulary['encoding']): string {
  if (encoding !== 'byte_level') return content;
  return [...Buffer.from(content)].map((byte) => BYTE_CHARACTERS[byte]).join('');
}

/** Printable bytes stand for themselves, the others for the characters from U+0100 on, as GPT-2 has it. */
const BYTE_CHARACTERS: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCodePoint(isPrintable ? byte : next++);
  });
})();
