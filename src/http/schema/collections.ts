// Lists and maps of a request, however large a client makes them. Zod would look at every entry and keep every problem before
// it looks at the size, and leave a key `__proto__` out; here the size comes first, and the first problem is the last.
import { z } from 'zod';
import { fieldReadBy, type Reading, readBy } from './read-field.ts';

export interface ListRule {
  readonly min?: number;
  /** Left out, as many as a body has room for. */
  readonly max?: number;
  /** What no list is told. */
  readonly kind: string;
  /** What a list of another length is told; left out, the same. */
  readonly length?: string;
}

/** `isEntry`, where given, says yes to an entry that the schema need not look at. */
export function listField<Entry extends z.ZodType>(
  entry: Entry,
  { min = 0, max = Number.POSITIVE_INFINITY, kind, length = kind }: ListRule,
  isEntry?: (item: unknown) => item is z.infer<Entry>,
) {
  const atLeast = min === 0 ? z.array(entry) : z.array(entry).min(min);
  const documented = Number.isFinite(max) ? atLeast.max(max) : atLeast;
  return fieldReadBy(documented, (given): Reading<z.infer<Entry>[]> => {
    if (!Array.isArray(given)) return { problem: kind };
    if (given.length < min || given.length > max) return { problem: length };
    const entries: z.infer<Entry>[] = [];
    for (const [index, item] of given.entries()) {
      if (isEntry?.(item)) {
        entries.push(item);
        continue;
      }
      const reading = readBy(entry, item, [index]);
      if ('problem' in reading) return reading;
      entries.push(reading.value);
    }
    return { value: entries };
  });
}

/** Zod's union would say of neither what is wrong with it. */
export function textOrListField<Text extends z.ZodType, List extends z.ZodType>(
  text: Text,
  list: List,
  kind: string,
) {
  return fieldReadBy(z.union([text, list]), (given): Reading<z.infer<Text> | z.infer<List>> => {
    if (typeof given === 'string') return readBy(text, given);
    return Array.isArray(given) ? readBy(list, given) : { problem: kind };
  });
}

interface MapRule {
  readonly max: number;
  /** What it has. */
  readonly entries?: string;
  /** What something else is told. */
  readonly kind: string;
}

/** An object whose keys are the client's. */
export function mapField<Value extends z.ZodType>(
  key: z.ZodString,
  value: Value,
  { max, entries = 'entries', kind }: MapRule,
) {
  type Entries = Record<string, z.infer<Value>>;
  return fieldReadBy(z.record(key, value), (given): Reading<Entries> => {
    const object = readObject(given, kind);
    if ('problem' in object) return object;
    const names = Object.keys(object.value);
    if (names.length > max) {
      return { problem: `must have at most ${max} ${entries}, not ${names.length}` };
    }
    const read: Entries = {};
    for (const [name, item] of Object.entries(object.value)) {
      const nameReading = readBy(key, name, [name]);
      if ('problem' in nameReading) return nameReading;
      const reading = readBy(value, item, [name]);
      if ('problem' in reading) return reading;
      read[name] = reading.value;
    }
    return { value: read };
  });
}

/** `kind` is what something else is told. No object has `__proto__` as a key like others. */
export function readObject(given: unknown, kind: string): Reading<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return { problem: kind };
  if (Object.hasOwn(given, '__proto__')) return { problem: 'must not have the key "__proto__"' };
  return { value: { ...given } };
}
