// `policy.json`: what one exported policy is. Written by `qsft export`, checked here before anything loads.
import { z } from 'zod';

const kvCache = z.object({
  layers: z.int().positive(),
  kv_heads: z.int().positive(),
  head_dim: z.int().positive(),
});

export const manifestSchema = z.object({
  format_version: z.literal(2, {
    error: ({ input }) => `it is ${JSON.stringify(input)}, and this server reads 2: export again`,
  }),
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  /** Seconds since the epoch at which the policy was exported. */
  created: z.int().nonnegative(),
  precision: z.enum(['fp32', 'fp16', 'bf16', 'int8', 'int4']),
  vocab_size: z.int().positive(),
  /** Longest prompt and answer together the models were built for, in tokens. */
  max_length: z.int().positive(),
  eos_token_ids: z.array(z.int().nonnegative()),
  /** Ids no policy may emit: padding and the token that carries leftover weight; the graph scores them -inf. */
  reserved_token_ids: z.array(z.int().nonnegative()),
  /** Text every prompt of the task begins with; null for free text. */
  prompt_prefix: z.string().nullable(),
  /** Whether a prompt of text gets what the tokenizer puts around a text, a beginning of sequence above all: as in training. */
  adds_special_tokens: z.boolean().default(false),
  /** How conversations with it go, beside what chat_template.jinja says; left out where that is all. */
  chat: z
    .object({
      /** Strings that end every answer of a conversation. */
      stop_strings: z.array(z.string().min(1).max(256)).max(16),
    })
    .optional(),
  kv_cache: z.object({
    dtype: z.enum(['float32', 'float16', 'bfloat16', 'int8']),
    /** Tokens of a block, where the cache is paged; a sequence has a slot of its own where it is left out. */
    block_size: z.int().min(16).optional(),
    behavior: kvCache,
    value: kvCache,
  }),
  defaults: z.object({
    beta: z.number().nonnegative(),
    extraction: z.enum(['kl', 'entropy', 'greedy', 'behavior']),
    q: z.enum(['probability', 'ratio']),
  }),
  /** π_φ below which the ratio form counts a token as unsupported. */
  support_threshold: z.number().positive(),
  /** How a text with a gap is written as a prompt, with {prefix} and {suffix} where they go; absent where it was not trained on that. */
  fill_in_the_middle: z
    .string()
    .refine((template) => template.includes('{prefix}') && template.includes('{suffix}'), {
      error: 'must have {prefix} and {suffix}',
    })
    .nullish(),
  /** What it was trained on and how: shown, never interpreted. */
  training: z.record(z.string(), z.unknown()),
  /** sha256 of every other file of the folder, lower-case hex. */
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

export type PolicyManifest = z.infer<typeof manifestSchema>;
