import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // CI adds up the totals of all suites from this file.
    reporters: ['default', 'json'],
    outputFile: { json: 'coverage/vitest.json' },
    // Longer than the deadlines of `test/deadline.ts`, which say what was waited for.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
