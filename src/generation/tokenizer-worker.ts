// A thread that encodes long texts, one after the other.
import { parentPort, workerData } from 'node:worker_threads';
import { ServerError } from '../errors.ts';
import { createTokenizer } from './tokenizer.ts';
import type { EncodeResult, EncodeTask, TokenizerThreadData } from './tokenizer-messages.ts';

const { definition, config }: TokenizerThreadData = workerData;
const tokenizer = createTokenizer(definition, config);

function encode({ id, text, addsSpecialTokens }: EncodeTask): EncodeResult {
  try {
    return { id, ids: Uint32Array.from(tokenizer.encode(text, { addsSpecialTokens })) };
  } catch (error) {
    if (error instanceof ServerError) return { id, refusal: error.message };
    throw error;
  }
}

parentPort?.on('message', (task: EncodeTask) => parentPort?.postMessage(encode(task)));
