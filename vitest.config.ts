import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // CI adds up the totals of all suites from this file.
    reporters: ['default', 'json'],
    outputFile: { json: 'coverage/vitest.json' },
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
