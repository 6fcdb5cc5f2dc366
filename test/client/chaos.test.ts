// A short version of `npm run chaos`, which goes on for longer and with more.
import { describe, expect, it } from 'vitest';
import { chaos } from '../../scripts/chaos.ts';

describe('chaos', () => {
  it('loses no request, whatever happens to the server', { timeout: 600_000 }, async () => {
    const results = await chaos({ model: 'test/fixtures/tiny-policy', seconds: 0.3 });
    expect(
      results.flatMap(({ name, problems }) => problems.map((why) => `${name}: ${why}`)),
    ).toEqual([]);
  });
});
