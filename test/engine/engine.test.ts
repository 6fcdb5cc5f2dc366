// The engine on its worker thread: the built worker, the real ONNX Runtime, the tiny policy.
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Engine,
  launchWorker,
  type SequenceInput,
  startEngine,
} from '../../src/engine/client.ts';
import type { SequenceEvent, StepReport } from '../../src/engine/messages.ts';
import type { EngineOptions } from '../../src/engine/options.ts';
import { MaskWriter } from '../../src/policy/token-mask.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { pagedPolicyFolder, tinyPolicyFolder } from '../policy/tiny-policy.ts';
import { finishOf, sequenceInput, tokensOf, unwrittenMask } from './inputs.ts';

const builtWorker = new URL('../../dist/engine/worker.js', import.meta.url);

const options: EngineOptions = {
  modelFolder: tinyPolicyFolder,
  device: 'cpu',
  libraryPath: null,
  threads: 1,
  maxSequences: 4,
  kvCacheBytes: null,
  maxLength: null,
  prefillChunk: 16,
  prefixCache: 'prompts',
  queueLimit: 200,
  queueTokens: 1_000_000,
};

function start(changes: Partial<EngineOptions> = {}, url = builtWorker): Promise<Engine> {
  const launch = (workerData: EngineOptions): Worker => launchWorker(workerData, url);
  return withDeadline('the engine to start', startEngine({ ...options, ...changes }, { launch }));
}

async function read(stream: AsyncIterable<SequenceEvent>): Promise<SequenceEvent[]> {
  const events: SequenceEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function readAll(
  engine: Engine,
  inputs: readonly SequenceInput[],
  signal = new AbortController().signal,
): Promise<SequenceEvent[][]> {
  return withDeadline('every answer', Promise.all(engine.generate(inputs, signal).map(read)));
}

const long = sequenceInput({ maxTokens: 61 });

/** All the slots and the queue take, for ever: none of the first ends by itself. */
const crowd = Array.from({ length: 200 }, () => sequenceInput({ mask: unwrittenMask() }));

function expectCancelled(answers: readonly SequenceEvent[][]): void {
  for (const events of answers) {
    expect(events.filter(({ kind }) => kind === 'finish')).toHaveLength(1);
    expect(finishOf(events)).toBe('cancelled');
  }
}

describe('the engine', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await start();
  });
  afterAll(() => engine.close());

  it('says what it serves', () => {
    expect(engine.model).toEqual({
      device: 'cpu',
      maxSequences: 4,
      maxLength: 64,
      kvCacheBytes: 4 * 64 * 16 * 4 * 8,
    });
    expect(engine.manifest.id).toBe('tiny');
    expect(engine.healthy).toBe(true);
  });

  it('answers many sequences, each with one finish at its end', async () => {
    const inputs = Array.from({ length: 12 }, (_, choice) =>
      sequenceInput({ sampling: { ...sequenceInput().sampling, choice } }),
    );
    const answers = await readAll(engine, inputs);
    for (const events of answers) {
      expect(events.filter(({ kind }) => kind === 'finish')).toHaveLength(1);
      expect(events.at(-1)?.kind).toBe('finish');
    }
    const [alone] = await readAll(engine, inputs.slice(5, 6));
    expect(tokensOf(alone ?? [])).toEqual(tokensOf(answers[5] ?? []));
    expect(engine.inFlight).toMatchObject({ waiting: 0, running: 0 });
  });

  it('cancels every sequence of a signal', async () => {
    const controller = new AbortController();
    const streams = engine.generate(crowd, controller.signal);
    expect(engine.inFlight).toMatchObject({ waiting: 196, running: 4 });
    controller.abort();
    expectCancelled(await withDeadline('cancellation', Promise.all(streams.map(read))));
    expect(engine.inFlight).toMatchObject({ waiting: 0, running: 0 });
  });

  it('cancels at once what is submitted under an aborted signal', async () => {
    expectCancelled(await readAll(engine, crowd, AbortSignal.abort()));
  });

  it('cancels one sequence alone when its reader leaves', async () => {
    const mask = unwrittenMask();
    new MaskWriter(mask.board).publish(new Int32Array(2).fill(-1));
    const halting = sequenceInput({ mask, ignoreEos: true });
    const [left, kept] = engine.generate([halting, sequenceInput()], new AbortController().signal);
    if (!left || !kept) throw new Error('no streams');
    for await (const event of left) {
      if (event.kind === 'token') break;
    }
    expect(finishOf(await withDeadline('the other answer', read(kept)))).toMatch(/eos|length/);
    await eventually('the sequence that was left', () => engine.inFlight.running === 0);
  });

  it('takes all the sequences of a request or none', async () => {
    const signal = new AbortController().signal;
    const fill = engine.generate(Array<SequenceInput>(202).fill(sequenceInput()), signal);
    expect(() => engine.generate(Array<SequenceInput>(3).fill(sequenceInput()), signal)).toThrow(
      expect.objectContaining({
        code: 'queue_full',
        message:
          'The queue is full: with this request 201 sequences would wait, and the limit is 200.',
      }),
    );
    expect(engine.inFlight).toMatchObject({ waiting: 198, running: 4 });
    await withDeadline('the queue to empty', Promise.all(fill.map(read)));
  });

  it.each([
    [{ promptIds: [] }, 'invalid_request', 'at least 1'],
    [{ promptIds: [4, 58] }, 'invalid_request', 'token id 58: ids go from 0 to 57'],
    [{ maxTokens: 62 }, 'context_length_exceeded', 'has 3 tokens and max_tokens is 62'],
  ])('refuses %j', (changes, code, message) => {
    const { signal } = new AbortController();
    expect(() => engine.generate([sequenceInput(), sequenceInput(changes)], signal)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
    expect(engine.inFlight.running).toBe(0);
  });

  it('reports its steps to those who listen', async () => {
    const reports: StepReport[] = [];
    const stop = engine.onStep((report) => reports.push(report));
    await readAll(engine, [sequenceInput({ maxTokens: 1 })]);
    stop();
    await readAll(engine, [sequenceInput({ maxTokens: 1 })]);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ kind: 'prefill', batchSize: 1, tokens: 3 });
  });
});

describe('a ping', () => {
  it('is answered by a worker that lives, and not by one that dies', async () => {
    const engine = await start();
    expect(await withDeadline('the answer', engine.ping())).toBe(true);
    await engine.close();
    expect(await withDeadline('the refusal', engine.ping())).toBe(false);
  });
});

describe('an engine that ends', () => {
  it('rejects with the reason when the policy cannot be served', async () => {
    await expect(start({ maxLength: 1000 })).rejects.toThrow(
      'max-model-len is 1000, and tiny was built for at most 64 tokens.',
    );
  });

  it('takes as many slots as its memory holds', async () => {
    const slotBytes = 64 * 16 * 4 * 8;
    const sizes = { maxSequences: null, kvCacheBytes: 3 * slotBytes - 1 };
    const engine = await start(sizes);
    await engine.close();
    expect(engine.model).toMatchObject({ maxSequences: 2, kvCacheBytes: 2 * slotBytes });
    const short = await start({ ...sizes, maxLength: 16 });
    await short.close();
    expect(short.model).toMatchObject({ maxSequences: 11, maxLength: 16 });
    await expect(start({ ...sizes, kvCacheBytes: slotBytes - 1 })).rejects.toThrow(
      'The KV cache may take 32767 bytes, and one sequence of up to 64 tokens needs 32768: give it more, or lower the length.',
    );
  });

  it('takes as many blocks as its memory holds, and answers with them', async () => {
    const blockBytes = 16 * 16 * 2 * 8;
    const sizes = { modelFolder: pagedPolicyFolder, maxSequences: null, prefillChunk: 8 };
    const engine = await start({ ...sizes, kvCacheBytes: 7 * blockBytes - 1 });
    const bytes = 6 * blockBytes;
    expect(engine.model).toMatchObject({ blocks: 6, maxSequences: 6, kvCacheBytes: bytes });
    const answers = Array<SequenceInput>(8).fill(sequenceInput({ maxTokens: 40, ignoreEos: true }));
    const asked = readAll(engine, answers);
    const busy = new Promise<StepReport>((resolve) => {
      engine.onStep((report) => report.kind === 'decode' && resolve(report));
    });
    const { running, cacheUsage } = await withDeadline('a decode', busy);
    expect(engine.inFlight).toEqual({ running, waiting: 8 - running, cacheUsage });
    expect(running).toBeLessThan(6);
    const events = await asked;
    expect(events.map((all) => [tokensOf(all).length, finishOf(all)])).toEqual(
      answers.map(() => [40, 'length']),
    );
    expect(engine.inFlight).toEqual({ running: 0, waiting: 0, cacheUsage: 0 });
    await engine.close();
    await expect(start({ ...sizes, kvCacheBytes: 3 * blockBytes })).rejects.toThrow(
      'The KV cache may take 12288 bytes, and one sequence of up to 64 tokens needs 16384: give it more, or lower the length.',
    );
    const few = await start({ ...sizes, kvCacheBytes: null, maxSequences: 3, maxLength: 20 });
    await few.close();
    expect(few.model).toMatchObject({ blocks: 6, maxSequences: 3, maxLength: 20 });
  });

  it('cancels what is in flight when it closes, and refuses more', async () => {
    const engine = await start();
    const answers = readAll(engine, crowd);
    await withDeadline('the engine to close', engine.close());
    expectCancelled(await answers);
    expect(() => engine.generate([long], new AbortController().signal)).toThrow(
      expect.objectContaining({ code: 'shutting_down' }),
    );
  });

  it('fails every sequence when its worker dies', async () => {
    const model = { device: 'none', maxSequences: 1, maxLength: 64, kvCacheBytes: 0 };
    const ready = JSON.stringify({ type: 'ready', model, manifest: { vocab_size: 58 } });
    const engine = await start(
      {},
      scriptedWorker(`
      parentPort.postMessage(${ready});
      parentPort.on('message', () => { throw new Error('out of memory'); });
    `),
    );
    const answers = await readAll(engine, [long, long]);
    expect(answers).toEqual(
      [0, 1].map((id) => [
        { kind: 'finish', id, reason: 'error', message: 'The engine has stopped.' },
      ]),
    );
    expect(engine.healthy).toBe(false);
    expect(() => engine.generate([long], new AbortController().signal)).toThrow(
      expect.objectContaining({ code: 'engine_restarting' }),
    );
    await withDeadline('the dead engine to close', engine.close());
  });

  it('rejects when its worker exits before it is ready', async () => {
    await expect(start({}, scriptedWorker('process.exit(3)'))).rejects.toThrow(
      "The engine's worker exited with code 3 before it was ready.",
    );
  });
});

function scriptedWorker(source: string): URL {
  const script = `import { parentPort } from 'node:worker_threads';${source}`;
  return new URL(`data:text/javascript,${encodeURIComponent(script)}`);
}
