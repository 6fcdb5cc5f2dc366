// Reads a Dockerfile as far as this project's goes: stages, instructions, continued lines, flags and JSON arrays.

export interface Instruction {
  readonly name: string;
  /** `--from=build` as `from: 'build'`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Stage {
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export function readDockerfile(source: string): Stage[] {
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const line of logicalLines(source)) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/s.exec(line) ?? [];
    if (name === 'FROM') {
      const [, base = '', stage = ''] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      stages.push({ name: stage, base, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ name, ...splitFlags(rest) });
    }
  }
  return stages;
}

/** `["node", "x"]`, `node x` or, of HEALTHCHECK, `CMD` before either. */
export function readCommand(text: string): string[] {
  const command = text.replace(/^CMD\s+/, '');
  return command.startsWith('[') ? JSON.parse(command) : ['sh', '-c', command];
}

/** `A=b C="d e"` */
export function readPairs(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)];
  return Object.fromEntries(pairs.map(([, key = '', quoted, bare]) => [key, quoted ?? bare ?? '']));
}

/** Comments and blank lines left out, lines that end with a backslash joined with their next. */
function logicalLines(source: string): string[] {
  return source
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\s*\\\n\s*/g, ' ')
    .split('\n');
}

function splitFlags(rest: string): Pick<Instruction, 'flags' | 'text'> {
  const flags: Record<string, string> = {};
  let text = rest.trim();
  for (;;) {
    const match = /^--([\w-]+)=(\S+)\s+/.exec(text);
    if (!match) return { flags, text };
    flags[match[1] ?? ''] = match[2] ?? '';
    text = text.slice(match[0].length);
  }
}
