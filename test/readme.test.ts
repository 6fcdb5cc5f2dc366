// What the documents say of themselves: the README's settings are those there are, and links lead somewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { settingsTable } from '../src/config/describe-settings.ts';

const ROOT = new URL('../', import.meta.url);
const README = new URL('README.md', ROOT);

describe.runIf(existsSync(README))('README', () => {
  it('has the table of settings that config/settings.ts declares', () => {
    const [, table] =
      /<!-- settings -->\n([\s\S]*?)\n<!-- \/settings -->/.exec(readFileSync(README, 'utf8')) ?? [];
    expect(table?.trim()).toBe(settingsTable());
  });
});

function documents(): URL[] {
  const folders = ['src/', 'scripts/'].flatMap((part) => {
    const entries = readdirSync(new URL(part, ROOT), { withFileTypes: true });
    const within = entries.flatMap((entry) =>
      entry.isDirectory() ? [`${part}${entry.name}/`] : [],
    );
    return [part, ...within];
  });
  return ['SECURITY.md', 'CHANGELOG.md', 'README.md', ...folders.map((path) => `${path}README.md`)]
    .map((path) => new URL(path, ROOT))
    .filter((path) => existsSync(path));
}

/** As GitHub makes them. */
function anchors(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.runIf(existsSync(README))('the documents', () => {
  it('have no link into nothing', () => {
    const broken = documents().flatMap((document) =>
      [...readFileSync(document, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
        const target = new URL(link, document);
        if (target.protocol !== 'file:') return [];
        const anchor = decodeURIComponent(target.hash.slice(1));
        target.hash = '';
        const isThere =
          existsSync(target) &&
          (anchor === '' || anchors(readFileSync(target, 'utf8')).includes(anchor));
        return isThere ? [] : [`${document.pathname}: ${link}`];
      }),
    );
    expect(broken).toEqual([]);
  });
});
