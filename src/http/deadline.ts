// How long a request may take, its time in the queue included: the server's limit, or less where the request says so.
import type { Context } from 'hono';
import { ServerError } from '../errors.ts';
import type { Limits } from './limits.ts';
import type { AppEnv } from './request-context.ts';

const HEADER = 'x-request-timeout';

/** Cuts the request short when its time, counted from its first header, is over. `timeout` is the body's field. */
export function setDeadline(
  context: Context<AppEnv>,
  timeout: number | null | undefined,
  { maxRequestSeconds }: Limits,
): void {
  const given = [timeout ?? null, headerSeconds(context, maxRequestSeconds)];
  const seconds = Math.min(maxRequestSeconds, ...given.filter((each) => each !== null));
  const { abort, startedAtMs } = context.var;
  const leftMs = startedAtMs + seconds * 1000 - performance.now();
  const timer = setTimeout(() => abort.abort(tooLate(seconds)), Math.max(0, leftMs));
  context.var.onEnd.push(() => clearTimeout(timer));
}

function headerSeconds(context: Context<AppEnv>, maxSeconds: number): number | null {
  const text = context.req.header(HEADER);
  if (text === undefined) return null;
  const seconds = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= maxSeconds) return seconds;
  const message = `${HEADER} must be a number of seconds above 0 and at most ${maxSeconds}; ${JSON.stringify(text.slice(0, 60))} was given.`;
  throw new ServerError('invalid_request', message, { param: HEADER });
}

function tooLate(seconds: number): ServerError {
  const message = `The request took longer than its ${seconds} seconds.`;
  return new ServerError('deadline_exceeded', message);
}
