// Text that is free but for strings it must not have, as EBNF.

import { allBut, characters, type Range } from './character-set.ts';
import { literal, oneOf } from './ebnf.ts';

/** The rule `name` and those that it needs, whose names begin with it: one for each beginning that the text may end with. */
export function textWithout(strings: readonly string[], name: string): string {
  const beginnings = [...new Set(strings.flatMap((text) => prefixes(text)))];
  const letters = [...new Set(strings.join(''))];
  const ruleOf = (beginning: string) => {
    const at = beginnings.indexOf(beginning);
    return at === 0 ? name : `${name}_${at}`;
  };
  return beginnings
    .map((beginning) => {
      const next = letters.map((letter) => [letter, endOf(beginning + letter, strings)] as const);
      const special = next.filter(([, end]) => end !== '');
      const codes = special.map(([letter]) => letter.charCodeAt(0));
      const others = oneOf(allBut(characters(...codes.map((code): Range => [code, code]))));
      const going = special
        .filter(([, end]) => !strings.includes(end))
        .map(([letter, end]) => `${literal(letter)} ${ruleOf(end)}`);
      return `${ruleOf(beginning)} ::= "" | ${[`${others} ${name}`, ...going].join(' | ')}\n`;
    })
    .join('');
}

/** All but the whole; the empty one first. */
function prefixes(text: string): string[] {
  return Array.from({ length: text.length }, (_, length) => text.slice(0, length));
}

/** The longest beginning of a string, or the whole, that the text ends with. */
function endOf(text: string, strings: readonly string[]): string {
  for (let at = 0; at < text.length; at += 1) {
    const end = text.slice(at);
    if (strings.some((string) => string.startsWith(end))) return end;
  }
  return '';
}
