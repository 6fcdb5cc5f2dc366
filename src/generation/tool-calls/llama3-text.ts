// What an answer in Llama 3's format is when it calls nothing, as EBNF: it begins neither with a brace nor with the tag of calls.
import { readRegex } from '../../constraint/regex.ts';
import { LLAMA3_TAG } from './llama3-json.ts';

const ANYTHING = '[\\s\\S]*';

/** Beginnings of the tag, each with something else behind it or nothing. */
const BROKEN_TAGS = Array.from(LLAMA3_TAG.slice(1), (next, at) => {
  const beginning = LLAMA3_TAG.slice(0, at + 1).replaceAll('|', '\\|');
  return `${beginning}(?:[^${next}]${ANYTHING})?`;
});

const TEXT = `\\s*(?:[^\\s{<]${ANYTHING}|${BROKEN_TAGS.join('|')})?`;

export const LLAMA3_TEXT = `root ::= ${readRegex(TEXT, { maxNesting: 2, maxRepetitions: 1 })}`;
