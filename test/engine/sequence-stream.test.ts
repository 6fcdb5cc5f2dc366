import { describe, expect, it } from 'vitest';
import type { SequenceEvent } from '../../src/engine/messages.ts';
import { SequenceStream } from '../../src/engine/sequence-stream.ts';
import { withDeadline } from '../deadline.ts';

const prompt: SequenceEvent = { kind: 'prompt', id: 0, positions: [] };
const finish: SequenceEvent = { kind: 'finish', id: 0, reason: 'length' };

function read(stream: SequenceStream): Promise<SequenceEvent[]> {
  const events: SequenceEvent[] = [];
  const reading = (async () => {
    for await (const event of stream) events.push(event);
    return events;
  })();
  return withDeadline('the stream to end', reading);
}

describe('SequenceStream', () => {
  it('gives events pushed before and while it is read, and ends after the finish', async () => {
    const stream = new SequenceStream(() => {});
    stream.push(prompt);
    const events = read(stream);
    await Promise.resolve();
    stream.push(finish);
    stream.push(prompt);
    expect(await events).toEqual([prompt, finish]);
  });

  it('says that its reader left before the finish, once', async () => {
    let left = 0;
    const stream = new SequenceStream(() => {
      left += 1;
    });
    stream.push(prompt);
    for await (const _ of stream) break;
    await stream.return();
    expect(left).toBe(1);
    expect(await read(stream)).toEqual([]);
  });

  it('has not been left by a reader who saw the finish', async () => {
    let left = 0;
    const stream = new SequenceStream(() => {
      left += 1;
    });
    stream.push(finish);
    for await (const _ of stream) break;
    expect(left).toBe(0);
  });

  it('lets go of a reader who waits when it is left', async () => {
    const stream = new SequenceStream(() => {});
    const waiting = stream.next();
    await stream.return();
    expect(await withDeadline('the reader', waiting)).toEqual({ done: true, value: undefined });
  });
});
