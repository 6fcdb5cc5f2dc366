// The one place where a failure becomes a status and OpenAI's error object.
import { type ErrorCode, ServerError } from '../errors.ts';
import type { ErrorBody } from './schema/error-body.ts';

interface WireError {
  readonly status: number;
  readonly type: 'invalid_request_error' | 'permission_error' | 'rate_limit_error' | 'server_error';
  readonly code: string;
  /** When the same request may succeed, where the failure does not say. */
  readonly retryAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const WIRE_ERRORS = {
  invalid_request: { status: 400, type: 'invalid_request_error', code: 'invalid_request' },
  invalid_json: { status: 400, type: 'invalid_request_error', code: 'invalid_json' },
  body_too_large: { status: 413, type: 'invalid_request_error', code: 'body_too_large' },
  unsupported_encoding: {
    status: 415,
    type: 'invalid_request_error',
    code: 'unsupported_encoding',
    headers: { 'accept-encoding': 'identity' },
  },
  malformed_request: { status: 400, type: 'invalid_request_error', code: 'malformed_request' },
  headers_too_large: { status: 431, type: 'invalid_request_error', code: 'headers_too_large' },
  receive_timeout: { status: 408, type: 'invalid_request_error', code: 'receive_timeout' },
  invalid_api_key: {
    status: 401,
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    headers: { 'www-authenticate': 'Bearer' },
  },
  insufficient_scope: { status: 403, type: 'permission_error', code: 'insufficient_scope' },
  origin_not_allowed: { status: 403, type: 'permission_error', code: 'origin_not_allowed' },
  context_length_exceeded: {
    status: 400,
    type: 'invalid_request_error',
    code: 'context_length_exceeded',
  },
  model_not_found: { status: 404, type: 'invalid_request_error', code: 'model_not_found' },
  model_unavailable: {
    status: 503,
    type: 'server_error',
    code: 'model_unavailable',
    retryAfterMs: 5000,
  },
  route_not_found: { status: 404, type: 'invalid_request_error', code: 'route_not_found' },
  method_not_allowed: { status: 405, type: 'invalid_request_error', code: 'method_not_allowed' },
  queue_full: {
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    retryAfterMs: 1000,
  },
  quota_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    retryAfterMs: 1000,
  },
  // Clients that retry by themselves must not: the time for an answer is over.
  deadline_exceeded: {
    status: 504,
    type: 'server_error',
    code: 'deadline_exceeded',
    headers: { 'x-should-retry': 'false' },
  },
  // Nobody is left to read it; 499 is what logs and proxies call it.
  request_cancelled: { status: 499, type: 'invalid_request_error', code: 'request_cancelled' },
  client_too_slow: { status: 499, type: 'invalid_request_error', code: 'client_too_slow' },
  shutting_down: {
    status: 503,
    type: 'server_error',
    code: 'shutting_down',
    retryAfterMs: 5000,
  },
  engine_restarting: {
    status: 503,
    type: 'server_error',
    code: 'engine_restarting',
    retryAfterMs: 1000,
  },
  engine_failed: { status: 500, type: 'server_error', code: 'engine_failed' },
} as const satisfies Record<ErrorCode, WireError>;

const UNEXPECTED: WireError = { status: 500, type: 'server_error', code: 'internal_error' };

export type RejectionReason = ErrorCode | 'internal_error';

export function rejectionReason(error: unknown): RejectionReason {
  return error instanceof ServerError ? error.code : 'internal_error';
}

/** What a failure nobody foresaw says is for the log; the client learns nothing of the inside. */
export function errorBody(error: unknown): ErrorBody {
  const { type, code } = wireError(error);
  return error instanceof ServerError
    ? { error: { message: error.message, type, param: error.param, code } }
    : { error: { message: 'The server failed; its log has the cause.', type, param: null, code } };
}

export function errorResponse(error: unknown, headers: Record<string, string> = {}): Response {
  const { status, retryAfterMs, headers: own } = wireError(error);
  const waitMs = (error instanceof ServerError ? error.retryAfterMs : null) ?? retryAfterMs;
  return Response.json(errorBody(error), {
    status,
    headers: {
      ...own,
      ...headers,
      ...(waitMs === undefined ? {} : { 'retry-after': retryAfter(waitMs) }),
    },
  });
}

/** Whole seconds, as it must be. */
function retryAfter(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs / 1000)));
}

function wireError(error: unknown): WireError {
  return error instanceof ServerError ? WIRE_ERRORS[error.code] : UNEXPECTED;
}
