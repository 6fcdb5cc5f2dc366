// Server-sent events from an async iterable, no faster than the client reads them.
import { ServerError } from '../errors.ts';
import { errorBody } from './error-response.ts';

const DONE = 'data: [DONE]\n\n';

export interface EventStream {
  readonly response: Response;
  /** Resolves when the body has ended: complete, failed or left by the client. */
  readonly ended: Promise<void>;
}

export interface EventStreamHooks {
  readonly onFailure: (error: unknown) => void;
  /** The client left, or reads too slowly; must make `events` end. */
  readonly onClientGone: (reason: ServerError) => void;
  /** Closes the connection the stream goes to; undefined where there is none. */
  readonly disconnect: (() => void) | undefined;
}

/** What a client may leave unread, and for how long once it is as much as that. */
export interface StreamLimits {
  readonly streamBufferBytes: number;
  readonly slowReaderMs: number;
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
  { streamBufferBytes, slowReaderMs }: StreamLimits,
  naming: EventNaming = 'unnamed',
): EventStream {
  const iterator = events[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let isClientGone = false;
  let patience: NodeJS.Timeout | undefined;
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

  /** Ends what would be sent: nobody reads it. */
  async function leave(reason: ServerError): Promise<void> {
    if (isClientGone) return;
    isClientGone = true;
    clearTimeout(patience);
    hooks.onClientGone(reason);
    await iterator.return?.();
    end();
  }

  function giveUp(controller: ReadableStreamDefaultController): void {
    const reason = new ServerError('client_too_slow', 'The client did not read its stream.');
    hooks.onFailure(reason);
    void leave(reason);
    // Whoever writes a stream to a connection prints its errors.
    if (hooks.disconnect === undefined) controller.error(reason);
    else hooks.disconnect();
  }

  const source = {
    // Called as long as there is room in the buffer.
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      clearTimeout(patience);
      const { text, isLast } = await nextPayload();
      if (isClientGone) return;
      if (text !== '') controller.enqueue(encoder.encode(text));
      if (isLast) {
        controller.close();
        end();
      } else if ((controller.desiredSize ?? 0) <= 0) {
        patience = setTimeout(() => giveUp(controller), slowReaderMs);
      }
    },
    cancel: () => leave(clientLeft()),
  };
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: streamBufferBytes });
  const body = new ReadableStream<Uint8Array>(source, strategy);
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

export function clientLeft(): ServerError {
  return new ServerError('request_cancelled', 'The client left.');
}

function nameLine(value: object, naming: EventNaming): string {
  return naming === 'named' && 'type' in value ? `event: ${value.type}\n` : '';
}

function dataLine(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
