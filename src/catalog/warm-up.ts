// A first answer that nobody asked for: it takes the memory and pays for what is done once, so that no client does,
// and a policy that loads and cannot run is found out before it serves.
import type { Engine } from '../engine/client.ts';

const PROMPT_TOKENS = 16;
const DEADLINE_MS = 120_000;

export async function warmUp(engine: Engine): Promise<void> {
  const { manifest, model } = engine;
  const tokens = Math.min(PROMPT_TOKENS, model.maxLength - 1);
  const special = new Set([...manifest.reserved_token_ids, ...manifest.eos_token_ids]);
  const ids = Array.from({ length: manifest.vocab_size }, (_, id) => id);
  const token = ids.find((id) => !special.has(id)) ?? 0;
  // With and without the value model: those are two halves of the graph.
  const inputs = [manifest.defaults.beta, 0].map((beta, choice) => ({
    promptIds: new Array<number>(tokens).fill(token),
    maxTokens: Math.min(2, model.maxLength - tokens),
    policy: { ...manifest.defaults, beta },
    sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: [0, 0] as const, choice },
    edits: null,
    mask: null,
    ignoreEos: true,
    stopTokenIds: [],
    topLogprobs: null,
    details: false,
    scoreFrom: null,
    priority: 0,
    // No client's, so nobody meets this prompt in the cache.
    cacheScope: 'warm-up',
    caller: null,
  }));
  for (const input of inputs) {
    const [events] = engine.generate([input], AbortSignal.timeout(DEADLINE_MS));
    for await (const event of events ?? []) {
      if (event.kind !== 'finish' || event.reason === 'length') continue;
      const why = event.message ?? event.reason;
      throw new Error(`${manifest.id} loads, but a first answer failed: ${why}`);
    }
  }
}
