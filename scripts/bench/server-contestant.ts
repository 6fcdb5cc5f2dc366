// The whole server as its clients see it: HTTP, server-sent events, text.
import { servedModel } from '../served-model.ts';
import { startServerProcess } from '../server-process.ts';
import type { Contestant } from './contestant.ts';
import { runLevel } from './load.ts';
import { promptText, randomPrompt } from './prompts.ts';

export interface ServerSettings {
  readonly folder: string;
  readonly maxSequences: number;
  /** Prompt and answer. */
  readonly maxLength: number;
}

export async function startServerContestant(settings: ServerSettings): Promise<Contestant> {
  const { folder, maxSequences, maxLength } = settings;
  const flags = {
    model: folder,
    'max-sequences': maxSequences,
    'max-model-len': maxLength,
    'prefix-cache': 'off',
  };
  const server = await startServerProcess(
    Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
  );
  const { id } = await servedModel(server.url);
  return {
    async measure({ concurrency, promptTokens, answerTokens }) {
      const load = {
        url: server.url,
        model: id,
        prompt: () => promptText(randomPrompt(promptTokens)),
        maxTokens: answerTokens,
        seed: 0,
      };
      const { seconds, tokens, timeToFirstTokenMs } = await runLevel(
        load,
        concurrency,
        concurrency,
      );
      return { prefillSeconds: timeToFirstTokenMs.max / 1000, seconds, tokens };
    },
    async stop() {
      await server.stop();
    },
  };
}
