// Server-sent events from an async iterable, no faster than the client reads them.
import { errorBody } from './error-response.ts';

const DONE = 'data: [DONE]\n\n';

export interface EventStream {
  readonly response: Response;
  /** Resolves when the body has ended: complete, failed or left by the client. */
  readonly ended: Promise<void>;
}

export interface EventStreamHooks {
  readonly onFailure: (error: unknown) => void;
  /** The client left; must make `events` end. */
  readonly onClientGone: () => void;
}

/** `named`: events say their `type` in a line of their own, and the last of them is the end; otherwise `[DONE]` is. */
export type EventNaming = 'unnamed' | 'named';

/**
 * Sends each event as JSON and then the end. A failure becomes a last event with an error object and no end,
 * so that no client takes half an answer for a whole one.
 */
export function eventStream(
  events: AsyncIterable<object>,
  hooks: EventStreamHooks,
  naming: EventNaming = 'unnamed',
): EventStream {
  const iterator = events[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let isClientGone = false;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });

  async function nextPayload(): Promise<{ text: string; isLast: boolean }> {
    try {
      const next = await iterator.next();
      if (next.done === true) return { text: naming === 'named' ? '' : DONE, isLast: true };
      return { text: nameLine(next.value, naming) + dataLine(next.value), isLast: false };
    } catch (error) {
      hooks.onFailure(error);
      return { text: dataLine(errorBody(error)), isLast: true };
    }
  }

  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { text, isLast } = await nextPayload();
      if (isClientGone) return;
      if (text !== '') controller.enqueue(encoder.encode(text));
      if (!isLast) return;
      controller.close();
      end();
    },
    async cancel() {
      isClientGone = true;
      hooks.onClientGone();
      await iterator.return?.();
      end();
    },
  });
  const response = new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // nginx and its kind would otherwise collect the stream before passing it on.
      'x-accel-buffering': 'no',
    },
  });
  return { response, ended };
}

function nameLine(value: object, naming: EventNaming): string {
  return naming === 'named' && 'type' in value ? `event: ${value.type}\n` : '';
}

function dataLine(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
