import { describe, expect, it } from 'vitest';
import { soak } from '../../scripts/soak.ts';

describe('the server under load', () => {
  it('keeps its resident memory flat', async () => {
    const { isFlat, ...result } = await soak({
      model: 'test/fixtures/tiny-policy',
      minutes: 1 / 6,
      clients: 8,
      pauseMs: 0,
      threads: 1,
      allowedMib: 16,
    });
    expect(result.requests).toBeGreaterThan(50);
    expect(result.failures).toEqual([]);
    expect({ isFlat, ...result }).toMatchObject({ isFlat: true });
  });
});
