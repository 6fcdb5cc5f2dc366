// Reads Prometheus' text format, and finds in it what `promtool check metrics` complains of.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (\S+)$/;
/** As Go reads them, in any case. */
const NUMBER = /^([+-]?(\d+(\.\d+)?(e[+-]?\d+)?|inf)|nan)$/i;
const HISTOGRAM_SUFFIX = /_(bucket|sum|count)$/;

/** By name and labels, as written. */
export function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, sample, value] = SAMPLE.exec(line) ?? [];
    if (sample !== undefined) samples.set(sample, Number(value));
  }
  return samples;
}

/** One line for each; each begins with the metric's name. */
export function problems(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const declared = (keyword: string) =>
    lines.flatMap((line) => {
      const [, found, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
      return found === keyword ? [[name, rest] as const] : [];
    });
  const types = new Map(declared('TYPE'));
  const helps = new Map(declared('HELP'));
  const samples = lines.filter((line) => !line.startsWith('#'));
  return [
    ...repeated(declared('TYPE').map(([name]) => name)).map((name) => `${name}: declared twice`),
    ...repeated(samples.map((line) => line.replace(/ \S+$/, ''))).map((s) => `${s}: given twice`),
    ...samples.flatMap((line) => misread(line, types)),
    ...[...types].flatMap(([name, type]) => misnamed(name, type, helps.has(name))),
  ];
}

function repeated(items: readonly string[]): string[] {
  return items.filter((item, index) => items.indexOf(item) !== index);
}

function misread(line: string, types: ReadonlyMap<string, string>): string[] {
  const [, sample, value = ''] = SAMPLE.exec(line) ?? [];
  if (sample === undefined) return [`${line}: not a sample`];
  const family = sample.replace(/\{.*/, '');
  const isTyped = types.has(family) || types.has(family.replace(HISTOGRAM_SUFFIX, ''));
  return [
    ...(NUMBER.test(value) ? [] : [`${sample}: ${value} is no number`]),
    ...(isTyped ? [] : [`${family}: has no type`]),
  ];
}

function misnamed(name: string, type: string, hasHelp: boolean): string[] {
  const complaints = [
    [!hasHelp, 'has no help'],
    [!NAME.test(name), 'is no name'],
    [name.includes(':'), 'has a colon'],
    [type === 'counter' && !name.endsWith('_total'), 'is a counter without _total'],
    [type !== 'counter' && name.endsWith('_total'), 'is no counter and ends with _total'],
    [type !== 'histogram' && HISTOGRAM_SUFFIX.test(name), 'ends like a part of a histogram'],
    [/_(milli|micro|nano)seconds|_ms$/.test(name), 'is not in seconds'],
  ] as const;
  return complaints.flatMap(([isSo, complaint]) => (isSo ? [`${name}: ${complaint}`] : []));
}
