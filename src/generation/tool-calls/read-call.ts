// One call as JSON: {"name": …, "arguments": …}, or "parameters" as Llama says.
import type { OfferedTools, ParsedCall } from './scanner.ts';

/** Null for what is no call, or calls a tool that is not offered. */
export function readCall(json: string, tools: OfferedTools): ParsedCall | null {
  const value = parseObject(json);
  if (value === null || typeof value.name !== 'string' || !tools.has(value.name)) return null;
  const key = ['arguments', 'parameters'].find((candidate) => Object.hasOwn(value, candidate));
  if (key === undefined) return { name: value.name, arguments: '{}' };
  const given = value[key];
  // Some models write the arguments as a string of JSON, as OpenAI's API shows them.
  if (typeof given === 'string') {
    return parseObject(given) === null ? null : { name: value.name, arguments: given };
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return null;
  return { name: value.name, arguments: memberText(json, key) ?? JSON.stringify(given) };
}

function parseObject(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ...value }
      : null;
  } catch {
    return null;
  }
}

/** The text of an object's last member of that name: parsed and written again, a large number would not be the same. */
function memberText(json: string, key: string): string | undefined {
  let found: string | undefined;
  let at = json.indexOf('{') + 1;
  for (;;) {
    const keyStart = json.indexOf('"', at);
    if (keyStart === -1) return found;
    const keyEnd = endOfString(json, keyStart);
    const start = json.indexOf(':', keyEnd) + 1;
    const end = endOfValue(json, start);
    if (JSON.parse(json.slice(keyStart, keyEnd)) === key) found = json.slice(start, end).trim();
    at = end + 1;
  }
}

/** Where the member's value ends: the comma or brace that is neither in a string nor deeper. */
function endOfValue(json: string, start: number): number {
  let depth = 0;
  for (let index = start; index < json.length; index += 1) {
    const character = json[index];
    if (character === '"') index = endOfString(json, index) - 1;
    else if (depth === 0 && (character === ',' || character === '}')) return index;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
  }
  return json.length;
}

/** The index behind the closing quote. */
function endOfString(json: string, start: number): number {
  let index = start + 1;
  while (index < json.length && json[index] !== '"') index += json[index] === '\\' ? 2 : 1;
  return index + 1;
}
