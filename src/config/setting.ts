// What a setting is, and the kinds there are: each knows its values, how to read them from text and how to say what they may be.

export interface Setting<T> {
  /** What the value may be, as the help shows it. */
  readonly range: string;
  readonly default: T;
  readonly defaultText: string;
  readonly description: string;
  /** Other variables that set it, where a standard names them. */
  readonly alias?: readonly string[];
  /** Must not be written anywhere. */
  readonly isSecret?: boolean;
  /** Undefined for text that is not a value of this setting. */
  readonly parse: (text: string) => T | undefined;
  /** The flag may be given several times, and the variable may have several values with commas between. */
  readonly isRepeated?: boolean;
}

export type Value = string | number | null | readonly string[];

export function text(
  range: string,
  defaultValue: string,
  description: string,
  pattern = /./,
): Setting<string> {
  return {
    range,
    default: defaultValue,
    defaultText: defaultValue,
    description,
    parse: (value) => (pattern.test(value) ? value : undefined),
  };
}

export function optionalText(
  range: string,
  defaultText: string,
  description: string,
  pattern?: RegExp,
): Setting<string | null> {
  return { ...text(range, '', description, pattern), default: null, defaultText };
}

export function integer(
  min: number,
  max: number,
  defaultValue: number,
  description: string,
): Setting<number> {
  return {
    range: `${min} to ${max}`,
    default: defaultValue,
    defaultText: String(defaultValue),
    description,
    parse: (value) => {
      const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

export function optionalInteger(
  min: number,
  max: number,
  defaultText: string,
  description: string,
): Setting<number | null> {
  return { ...integer(min, max, min, description), default: null, defaultText };
}

const BYTE_UNITS = ['', 'KiB', 'MiB', 'GiB', 'TiB'];

export function optionalBytes(defaultText: string, description: string): Setting<number | null> {
  return {
    range: 'bytes, such as 512MiB or 2GiB',
    default: null,
    defaultText,
    description,
    parse: (value) => {
      const [, amount, unit] = /^(\d+) ?([KMGT]iB)?$/.exec(value) ?? [];
      const bytes = Number(amount) * 1024 ** BYTE_UNITS.indexOf(unit ?? '');
      return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
    },
  };
}

export function choice<const T extends string>(
  values: readonly T[],
  defaultValue: T,
  description: string,
): Setting<T> {
  return {
    range: values.join(', '),
    default: defaultValue,
    defaultText: defaultValue,
    description,
    parse: (value) => values.find((candidate) => candidate === value),
  };
}

export function list(
  range: string,
  defaultValue: readonly string[],
  defaultText: string,
  description: string,
  pattern = /./,
): Setting<readonly string[]> {
  return {
    range,
    default: defaultValue,
    defaultText,
    description,
    parse: (value) => (pattern.test(value) ? [value] : undefined),
    isRepeated: true,
  };
}
