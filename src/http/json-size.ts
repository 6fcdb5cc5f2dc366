// How deep JSON is nested and of how many values it is, before it is parsed: millions of them hold whoever checks the value
// afterwards, and everyone else with him, for seconds; nested, for longer than the stack allows.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** Brackets and braces differ in this bit alone. */
const BRACE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

export interface JsonLimits {
  /** Most lists and objects inside one another. */
  readonly depth: number;
  /** Most values in all: texts, numbers, lists, objects and so on. */
  readonly values: number;
}

/** Which limit is exceeded first; an empty list or object counts as two values. Text that is no JSON is left to its parser. */
export function exceededLimit(text: string, limits: JsonLimits): keyof JsonLimits | null {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COMMA) values += 1;
    else if ((code | BRACE_BIT) === CLOSE) depth -= 1;
    else if ((code | BRACE_BIT) === OPEN) {
      depth += 1;
      values += 1;
    }
    if (depth > limits.depth) return 'depth';
    if (values > limits.values) return 'values';
  }
  return null;
}

/** Where the string that begins at `start` has its other quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) break;
  }
  return at;
}
