// How deep JSON is nested, before it is parsed: brackets alone, millions of them, would hold the parser for a second, and
// whoever walks the value afterwards for longer than the stack allows.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Brackets and braces differ in this bit alone. */
const BRACE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Whether a list or object is inside `limit` others. Text that is no JSON is left to its parser. */
export function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if ((code | BRACE_BIT) === CLOSE) depth -= 1;
    else if ((code | BRACE_BIT) === OPEN) depth += 1;
    if (depth > limit) return true;
  }
  return false;
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
