// Three small tokenizers, one of each family the detokenizer must be right for.
import { createTokenizer, type LocalTokenizer } from '../../src/generation/tokenizer.ts';

const NONE = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };

function special(id: number, content: string) {
  return {
    id,
    content,
    special: true,
    normalized: false,
    single_word: false,
    lstrip: false,
    rstrip: false,
  };
}

function beginning(token: string) {
  const single = [
    { SpecialToken: { id: token, type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
  ];
  const special_tokens = { [token]: { id: token, ids: [0], tokens: [token] } };
  return { type: 'TemplateProcessing', single, pair: single, special_tokens };
}

/** GPT-2's way: every byte is a printable character, so a token may end inside a character. */
export function byteLevelTokenizer({ beginsWithEnd = false } = {}): LocalTokenizer {
  const bytes = byteAlphabet();
  const word = (text: string) =>
    [...new TextEncoder().encode(text)].map((byte) => bytes[byte]).join('');
  // Tokens that cross the borders of characters, as merges learned from Chinese text do.
  const crossing = [
    word('é').slice(1) + word('é').slice(0, 1),
    word('你').slice(2) + word('好').slice(0, 1),
  ];
  const pieces = [
    '<|end|>',
    ...bytes,
    word(' the'),
    word('hello'),
    word('👋').slice(0, 3),
    ...crossing,
  ];
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  return createTokenizer(
    {
      ...NONE,
      // As GPT-2's own: one token ends texts and begins them.
      post_processor: beginsWithEnd ? beginning('<|end|>') : null,
      added_tokens: [special(0, '<|end|>')],
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab, merges: [] },
    },
    {},
  );
}

/** Llama's way: a mark for spaces, bytes for what the vocabulary lacks, and no space before the first word. */
export function byteFallbackTokenizer(): LocalTokenizer {
  const hex = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const letters = [...'abcdefghijklmnopqrstuvwxyz.,'];
  const pieces = ['<unk>', '<s>', '</s>', ...hex, '▁', ...letters, '▁t', '▁th', '▁the'];
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  return createTokenizer(
    {
      ...NONE,
      added_tokens: [special(0, '<unk>'), special(1, '<s>'), special(2, '</s>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        type: 'BPE',
        vocab,
        merges: ['▁ t', '▁t h', '▁th e'],
        byte_fallback: true,
        unk_token: '<unk>',
      },
    },
    { unk_token: '<unk>' },
  );
}

/** Wordle's way: whole words that simply follow each other. */
export function wordTokenizer(): LocalTokenizer {
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const pieces = [
    '<eos>',
    'Wordle:\n',
    '\n',
    ...letters.map((letter) => `${letter} `),
    ...letters.map((letter) => `${letter}\n`),
  ];
  return createTokenizer(
    {
      ...NONE,
      added_tokens: [special(0, '<eos>')],
      pre_tokenizer: {
        type: 'Split',
        pattern: { Regex: 'Wordle:\\n|[a-z][ \\n]|\\n' },
        behavior: 'Isolated',
        invert: false,
      },
      model: {
        type: 'WordLevel',
        vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      },
    },
    {},
  );
}

/** How GPT-2 writes each byte as one printable character. */
function byteAlphabet(): string[] {
  let shifted = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    if (isPrintable) return String.fromCharCode(byte);
    shifted += 1;
    return String.fromCharCode(255 + shifted);
  });
}
