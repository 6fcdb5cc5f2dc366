// One request on a connection of its own, and what became of it.
import { type IncomingMessage, request } from 'node:http';
import type { Ledger, Outcome } from './ledger.ts';

export interface Sending {
  readonly body: { readonly n?: number; readonly [field: string]: unknown };
  /** The client goes away after the first piece of the answer, or after this time, whichever is first. */
  readonly leaveAfterMs?: number;
  /** How long the client reads nothing after the first piece. */
  readonly pauseMs?: number;
}

interface Ending {
  readonly outcome: Outcome;
  readonly reason: string;
}

/** An answer that takes longer is lost. */
const DEADLINE_MS = 60_000;

export async function send(url: string, sending: Sending, ledger: Ledger): Promise<Outcome> {
  const { outcome, reason } = await exchange(url, sending);
  ledger.add(outcome, reason);
  return outcome;
}

function exchange(url: string, { body, leaveAfterMs, pauseMs }: Sending): Promise<Ending> {
  return new Promise((resolve) => {
    const outgoing = request(`${url}/v1/completions`, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json' },
    });
    const timers: NodeJS.Timeout[] = [];
    const end = (outcome: Outcome, reason: string): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve({ outcome, reason });
      outgoing.destroy();
    };
    timers.push(setTimeout(() => end('lost', 'no end within the deadline'), DEADLINE_MS));
    if (leaveAfterMs !== undefined) {
      timers.push(setTimeout(() => end('left', 'on purpose'), leaveAfterMs));
    }
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message;
      end(code === 'ECONNREFUSED' ? 'refused' : 'broken', code);
    });
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        if (leaveAfterMs !== undefined) end('left', 'on purpose');
        if (pauseMs === undefined || text.length > piece.length) return;
        response.pause();
        timers.push(setTimeout(() => response.resume(), pauseMs));
      });
      response.on('error', (error) => end('broken', error.message));
      response.on('end', () => {
        const { outcome, reason } = judge(response, text, body.n ?? 1);
        end(outcome, reason);
      });
    });
    outgoing.end(JSON.stringify(body));
  });
}

function judge(
  { statusCode = 0, complete }: IncomingMessage,
  text: string,
  answers: number,
): Ending {
  if (!complete) return { outcome: 'broken', reason: 'the body was cut' };
  const code = /"code":"(\w+)"/.exec(text)?.[1];
  if (statusCode !== 200) {
    if (code === undefined) return { outcome: 'lost', reason: `${statusCode} without an error` };
    const isRefusal = statusCode === 429 || statusCode === 503;
    return { outcome: isRefusal ? 'refused' : 'failed', reason: `${statusCode} ${code}` };
  }
  if (text.startsWith('data: ')) {
    if (code !== undefined) return { outcome: 'failed', reason: `stream ${code}` };
    if (!text.endsWith('data: [DONE]\n\n')) {
      return { outcome: 'lost', reason: 'a stream without an end' };
    }
  }
  const ended = text.match(/"finish_reason":"(stop|length)"/g)?.length ?? 0;
  return ended === answers
    ? { outcome: 'served', reason: 'whole' }
    : { outcome: 'lost', reason: `${ended} of ${answers} answers` };
}
