// Every failure a client can be told about. The union is closed: `http/error-response.ts` must map
// each code to a status, or it does not compile.

export type ErrorCode =
  | 'invalid_request'
  | 'invalid_json'
  | 'body_too_large'
  | 'unsupported_encoding'
  | 'malformed_request'
  | 'headers_too_large'
  | 'receive_timeout'
  | 'invalid_api_key'
  | 'insufficient_scope'
  | 'origin_not_allowed'
  | 'context_length_exceeded'
  | 'model_not_found'
  | 'model_unavailable'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'queue_full'
  | 'quota_exceeded'
  | 'deadline_exceeded'
  | 'client_too_slow'
  | 'request_cancelled'
  | 'shutting_down'
  | 'engine_restarting'
  | 'engine_failed';

export class ServerError extends Error {
  override readonly name = 'ServerError' as const;
  readonly code: ErrorCode;
  /** The request field at fault, as a path: `stop[0]`. */
  readonly param: string | null;
  /** When the same request may succeed, as far as that can be told. */
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { param?: string | undefined; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Why `signal` was aborted, as far as that is for clients. */
export function cancellation({ reason }: AbortSignal): ServerError {
  if (reason instanceof ServerError) return reason;
  return new ServerError('request_cancelled', 'The request was cancelled.');
}
