import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { settingsTable } from '../src/config.ts';

const README = new URL('../README.md', import.meta.url);

describe.runIf(existsSync(README))('README', () => {
  it('has the table of settings that config.ts declares', () => {
    const [, table] =
      /<!-- settings -->\n([\s\S]*?)\n<!-- \/settings -->/.exec(readFileSync(README, 'utf8')) ?? [];
    expect(table?.trim()).toBe(settingsTable());
  });
});
