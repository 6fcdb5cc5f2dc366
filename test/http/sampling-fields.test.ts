import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { samplingFields } from '../../src/http/schema/sampling-fields.ts';
import { LIMITS } from './test-app.ts';

describe('logit_bias', () => {
  const schema = z.object(samplingFields(LIMITS));
  const biasesOf = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, id) => [id, 1]));

  it('takes a bounded number of tokens', () => {
    expect(schema.safeParse({ logit_bias: biasesOf(1024) }).success).toBe(true);
    expect(schema.safeParse({ logit_bias: biasesOf(1025) }).error?.issues[0]).toMatchObject({
      path: ['logit_bias'],
      message: 'must have at most 1024 tokens, not 1025',
    });
  });
});
