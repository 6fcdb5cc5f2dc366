// What may happen to an engine: arrivals of prompts that go on from earlier ones, cancellations, steps that fail.
import fc from 'fast-check';

export const eosTokenId = 2;
export const longestPrompt = 40;

export interface Submission {
  readonly kind: 'submit';
  /** Which transcript the prompt goes on from, and how much of it it keeps, in parts of 16. */
  readonly from: number;
  readonly kept: number;
  readonly added: readonly number[];
  /** How many answers to it. */
  readonly choices: number;
  readonly scored: number | null;
  readonly maxTokens: number;
  readonly cacheScope: string;
  readonly priority: number;
  readonly beta: number;
}

export type Action =
  | Submission
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'step'; readonly fails: boolean };

const submission: fc.Arbitrary<Submission> = fc.record({
  kind: fc.constant('submit'),
  from: fc.nat(30),
  kept: fc.oneof(fc.constant(16), fc.nat(16)),
  added: fc.array(fc.integer({ min: 100, max: 102 }), { minLength: 1, maxLength: 10 }),
  choices: fc.constantFrom(1, 1, 1, 2, 3),
  scored: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, fc.nat(15)),
  maxTokens: fc.nat(11),
  cacheScope: fc.constantFrom('a', 'a', 'b'),
  priority: fc.constantFrom(0, 0, 0, -1, 1),
  beta: fc.constantFrom(4, 4, 0),
});

export const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: submission },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), id: fc.nat(40) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('step' as const),
      fails: fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
  },
);

/** What a sequence would answer alone: a function of its id and length, so that a mix-up of rows shows. */
export function tokenAfter(id: number, length: number): number {
  const token = (id * 31 + length * 17) % 23;
  return token === 0 ? eosTokenId : token + 3;
}
