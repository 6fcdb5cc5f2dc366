// A request's body as a checked value: JSON, then the schema; the first problem becomes the error.
import type { HonoRequest } from 'hono';
import type { z } from 'zod';
import { ServerError } from '../errors.ts';
import { exceededLimit } from './json-size.ts';
import type { Limits } from './limits.ts';
import { UNSAID } from './schema/read-field.ts';

/** A schema's levels are two or three of these each; the deepest schema that is taken has 32. */
const MAX_NESTING = 128;

export interface CheckedBody<T> {
  readonly body: T;
  /** Fields the schema does not know, as paths. */
  readonly ignoredFields: readonly string[];
}

export async function readBody<Body extends object>(
  request: HonoRequest,
  schema: z.ZodType<Body>,
  limits: Pick<Limits, 'maxBodyValues'>,
): Promise<CheckedBody<Body>> {
  refuseEncodings(request);
  const value = parseJson(await readText(request), limits.maxBodyValues);
  const result = schema.safeParse(value, UNSAID);
  if (!result.success) throw describeProblem(result.error, value);
  return { body: result.data, ignoredFields: unknownFields(value, result.data) };
}

/** Compressed bodies would be a way around the bound on their size. */
function refuseEncodings(request: HonoRequest): void {
  const content = request.header('content-encoding') ?? 'identity';
  const transfer = request.header('transfer-encoding') ?? 'chunked';
  if (content.toLowerCase() === 'identity' && transfer.toLowerCase() === 'chunked') return;
  throw new ServerError('unsupported_encoding', 'The body must not be compressed or encoded.');
}

async function readText(request: HonoRequest): Promise<string> {
  try {
    return await request.text();
  } catch (cause) {
    throw new ServerError('request_cancelled', 'The body ended early.', { cause });
  }
}

function parseJson(text: string, maxValues: number): unknown {
  const exceeded = exceededLimit(text, { depth: MAX_NESTING, values: maxValues });
  if (exceeded !== null) {
    const message =
      exceeded === 'depth'
        ? `The body must be nested at most ${MAX_NESTING} deep.`
        : `The body must be of at most ${maxValues} values.`;
    throw new ServerError('invalid_request', message);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ServerError('invalid_json', 'The body is not valid JSON.', { cause });
  }
}

function describeProblem(error: z.ZodError, value: unknown): ServerError {
  const [issue] = error.issues;
  const path = issue === undefined ? [] : problemPath(issue);
  if (path.length === 0) {
    return new ServerError('invalid_request', 'The body must be a JSON object.');
  }
  const param = formatPath(path);
  const given = path.reduce<unknown>((inner, key) => property(inner, key), value);
  const message =
    given === undefined
      ? `${param} is required and ${issue?.message}.`
      : `${param} ${issue?.message}; ${describeValue(given)} was given.`;
  return new ServerError('invalid_request', message, { param });
}

/** An unknown field is itself the problem, not the object it is in. */
function problemPath(issue: z.core.$ZodIssue): readonly PropertyKey[] {
  if (issue.code !== 'unrecognized_keys') return issue.path;
  return [...issue.path, ...issue.keys.slice(0, 1)];
}

function property(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = String(key).slice(0, 64);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** Never the whole of a list or object, which may be nested too deep to be written again, nor of a long text. */
function describeValue(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return value.length > 60 ? `a text of ${value.length} characters` : JSON.stringify(value);
}

/** What the client sent and the parsed body no longer has, one level of nesting down. */
function unknownFields(sent: unknown, parsed: object, prefix = ''): string[] {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return [];
  return Object.entries(sent).flatMap(([key, value]) => {
    const kept = property(parsed, key);
    if (!Object.hasOwn(parsed, key)) return [`${prefix}${key}`];
    return prefix === '' && typeof kept === 'object' && kept !== null
      ? unknownFields(value, kept, `${key}.`)
      : [];
  });
}
