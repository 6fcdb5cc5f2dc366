// Asks a grammar whether it takes a text, byte after byte, as a model with byte tokens would write it: with the real thread.
import { type Constraints, createConstraints } from '../../src/constraint/client.ts';
import type { GrammarVocabulary } from '../../src/constraint/messages.ts';
import type { TextFormat } from '../../src/constraint/text-format.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { TokenMask } from '../../src/policy/token-mask.ts';
import { EOS, launchBuilt, open } from './writer.ts';

/** One token a byte, behind the end of a text. */
const BYTES: GrammarVocabulary = {
  encoding: 'byte_fallback',
  tokens: [
    '',
    ...Array.from({ length: 256 }, (_, byte) => {
      const digits = byte.toString(16).toUpperCase().padStart(2, '0');
      return `<0x${digits}>`;
    }),
  ],
  eosTokenIds: [EOS],
};

export function openByteConstraints(): Constraints {
  const options = { compileTimeoutMs: 20_000, queueLimit: 32, onChange: () => {} };
  return createConstraints({ vocabulary: BYTES, ...options }, launchBuilt);
}

export function accepts(
  constraints: Constraints,
  given: string | TextFormat,
  text: string,
): Promise<boolean> {
  return acceptsBytes(constraints, given, Buffer.from(text));
}

export async function acceptsBytes(
  constraints: Constraints,
  given: string | TextFormat,
  bytes: Buffer,
): Promise<boolean> {
  const format = typeof given === 'string' ? ({ type: 'grammar', grammar: given } as const) : given;
  const opened = await open(constraints, format);
  const mask = new TokenMask(opened.mask);
  try {
    for (const [count, byte] of bytes.entries()) {
      if (!allows(mask, count, byte + 1)) return false;
      mask.record(byte + 1, count + 1);
    }
    return allows(mask, bytes.length, EOS);
  } finally {
    opened.release();
  }
}

function allows(mask: TokenMask, count: number, token: number): boolean {
  if (mask.wait(count, Number.POSITIVE_INFINITY) !== 'ready')
    throw new Error('the mask never came');
  const scores = new Float32Array(BYTES.tokens.length);
  return mask.apply(scores) !== -1 && (scores[token] ?? 0) > reservedScore;
}
