// A thread that knows grammars: opens texts when the main thread asks, and writes masks when the engine's rings.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { GrammarEngine } from './grammar-engine.ts';
import type { FromGrammarThread, GrammarThreadData, ToGrammarThread } from './messages.ts';
import { loadXGrammar } from './xgrammar.ts';

const NO_TEXT = "no text that this model's tokens can write is like it";

async function main(port: MessagePort, data: GrammarThreadData): Promise<void> {
  const post = (message: FromGrammarThread): void => port.postMessage(message);
  let complaint = '';
  const xgrammar = await loadXGrammar((text) => {
    complaint = complaint === '' ? text : complaint;
  });
  const engine = await GrammarEngine.create(xgrammar, data.vocabulary);

  async function open({ id, format, board }: Extract<ToGrammarThread, { type: 'open' }>) {
    try {
      const isPossible = await engine.open(id, format, board);
      post(
        isPossible
          ? { type: 'opened', id }
          : {
              type: 'refused',
              id,
              reason: NO_TEXT,
              isFatal: false,
            },
      );
    } catch (error) {
      // After an abort nothing in there can be trusted: the thread ends, and another takes its place.
      post({ type: 'refused', id, reason: reasonOf(complaint, error), isFatal: true });
      port.close();
      process.exit(1);
    }
  }

  // One after the other: what XGrammar does is asynchronous in its form only.
  let last = Promise.resolve();
  port.on('message', (message: ToGrammarThread) => {
    last = last.then(() => (message.type === 'open' ? open(message) : engine.close(message.id)));
  });
  post({ type: 'ready' });
  await watch(new Int32Array(data.doorbell), () => {
    last = last.then(() => engine.advance());
    return last;
  });
}

async function watch(bell: Int32Array, advance: () => Promise<void>): Promise<never> {
  for (;;) {
    const seen = Atomics.load(bell, 0);
    await advance();
    await Atomics.waitAsync(bell, 0, seen).value;
  }
}

/** XGrammar's own words, without where in its source they stand. */
function reasonOf(complaint: string, error: unknown): string {
  const text = complaint === '' || complaint.startsWith('Aborted') ? String(error) : complaint;
  return text
    .replace(/^\[FATAL\] \S+ /, '')
    .replace(/^RuntimeError: Aborted.*/, 'it takes more memory than there is')
    .slice(0, 300);
}

if (!parentPort) throw new Error('constraint/worker is started by constraint/grammar-thread.');
await main(parentPort, workerData);
