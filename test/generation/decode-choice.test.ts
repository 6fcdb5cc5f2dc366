import { describe, expect, it } from 'vitest';
import type { FinishEvent } from '../../src/engine/messages.ts';
import { ServerError } from '../../src/errors.ts';
import { failureOf } from '../../src/generation/decode-choice.ts';

function failure(reason: FinishEvent['reason'], abortReason?: unknown): unknown {
  const controller = new AbortController();
  if (abortReason !== undefined) controller.abort(abortReason);
  return failureOf({ kind: 'finish', id: 0, reason }, controller.signal);
}

describe('failureOf', () => {
  it('is nothing for an answer that came to its end', () => {
    for (const reason of ['eos', 'stop_token', 'length'] as const) {
      expect(failure(reason)).toBeNull();
    }
  });

  it('is the reason of the abort, whichever of the engine and the grammar noticed it first', () => {
    const late = new ServerError('deadline_exceeded', 'The request took too long.');
    for (const reason of ['cancelled', 'unmasked', 'dead_end', 'error'] as const) {
      expect(failure(reason, late)).toBe(late);
      expect(failure(reason, new Error('other'))).toMatchObject({ code: 'request_cancelled' });
    }
  });

  it('is the request’s where the form that it asks for leaves no token', () => {
    expect(failure('dead_end')).toMatchObject({ code: 'invalid_request' });
  });

  it('is the engine’s where nobody aborted anything', () => {
    expect(failure('error')).toMatchObject({ code: 'engine_failed' });
    expect(failure('unmasked')).toMatchObject({ code: 'engine_failed' });
    expect(failure('cancelled')).toMatchObject({ code: 'request_cancelled' });
  });
});
