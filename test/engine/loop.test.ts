import { afterAll, describe, expect, it } from 'vitest';
import { EngineLoop } from '../../src/engine/loop.ts';
import type { FromWorker, SequenceEvent, SequenceRequest } from '../../src/engine/messages.ts';
import { Scheduler } from '../../src/engine/scheduler.ts';
import { editParameters, parity, seedWords } from '../policy/parity.ts';
import { loadTinyPolicy, tinySettings, waysToRead } from '../policy/tiny-policy.ts';
import { finishOf, logprobsOf, sequenceRequest, tokensOf } from './inputs.ts';

const { sequences: maxSequences } = tinySettings.capacity;

describe.each(waysToRead)('EngineLoop, on the tiny policy whose scores are read %s', (_, way) => {
  const policy = loadTinyPolicy(way);
  afterAll(() => policy.release());

  /** Submits everything at once, steps until nothing is left, and sorts the events by sequence. */
  function runAll(
    requests: readonly SequenceRequest[],
    prefillChunk = 32,
  ): { events: Map<number, SequenceEvent[]>; messages: FromWorker[] } {
    const messages: FromWorker[] = [];
    const scheduler = new Scheduler({
      maxSequences,
      prefillChunk,
      maxScored: Math.max(maxSequences, Math.min(prefillChunk, 16)),
      vocabularySize: policy.manifest.vocab_size,
      minReuse: Number.POSITIVE_INFINITY,
      sharesAnswers: false,
      eosTokenIds: new Set(policy.manifest.eos_token_ids),
    });
    const loop = new EngineLoop(policy, scheduler, (message) => messages.push(message));
    loop.receive({ type: 'submit', requests });
    while (loop.step());
    const events = new Map<number, SequenceEvent[]>(requests.map(({ id }) => [id, []]));
    for (const message of messages) {
      if (!('events' in message)) continue;
      for (const event of message.events) events.get(event.id)?.push(event);
    }
    return { events, messages };
  }

  function eventsOf(request: SequenceRequest, prefillChunk?: number): readonly SequenceEvent[] {
    return runAll([request], prefillChunk).events.get(request.id) ?? [];
  }

  const paritySequences = parity.sequences.map((sequence, id) => {
    const { extraction, beta, q, temperature, top_k: topK, top_p: topP, choice } = sequence;
    const { min_p: minP, ignore_eos: ignoreEos, stop_token_ids: stopTokenIds } = sequence;
    const request = sequenceRequest(id, {
      promptIds: sequence.prompt_ids,
      maxTokens: sequence.max_tokens,
      policy: { extraction, beta, q },
      sampling: { temperature, topK, topP, minP, seed: seedWords(sequence.seed), choice },
      edits: editParameters(sequence),
      ignoreEos,
      stopTokenIds,
    });
    return { request, sequence };
  });

  function expectParity(
    events: readonly SequenceEvent[],
    sequence: (typeof parity.sequences)[number],
  ): void {
    expect(tokensOf(events)).toEqual(sequence.tokens);
    expect(finishOf(events)).toBe(sequence.finish);
    // β multiplies the rounding of p_θ, in which PyTorch and ONNX Runtime differ.
    const tolerance = 1e-5 * (4 + sequence.beta);
    for (const [step, logprob] of logprobsOf(events).entries()) {
      expect(Math.abs(logprob - (sequence.logprobs[step] ?? NaN))).toBeLessThan(tolerance);
    }
  }

  it('answers each seeded request as the Python reference does', () => {
    for (const { request, sequence } of paritySequences) expectParity(eventsOf(request), sequence);
  });

  it('gives the same answers when all the requests share batches', () => {
    const { events } = runAll(paritySequences.map(({ request }) => request));
    for (const { request, sequence } of paritySequences) {
      expectParity(events.get(request.id) ?? [], sequence);
    }
  });

  it('reports no value for tokens of β 0, in whatever batch', () => {
    const policyOf = (beta: number) => ({ extraction: 'kl', beta, q: 'probability' }) as const;
    const idle = sequenceRequest(0, { policy: policyOf(0), ignoreEos: true });
    const other = sequenceRequest(1, { policy: policyOf(4), ignoreEos: true });
    const rated = { ...idle, id: 2, details: true };
    const alone = eventsOf(idle);
    const { events } = runAll([idle, other, rated]);
    for (const event of [...alone, ...(events.get(0) ?? [])]) {
      if (event.kind === 'token') expect(event).toMatchObject({ value: null, kl: 0 });
    }
    expect(tokensOf(events.get(0) ?? [])).toEqual(tokensOf(alone));
    expect(tokensOf(events.get(2) ?? [])).toEqual(tokensOf(alone));
    for (const event of [...(events.get(1) ?? []), ...(events.get(2) ?? [])]) {
      if (event.kind === 'token') expect(event.value).toBeGreaterThan(0);
    }
  });

  it('gives the same answer however its prompt is cut into chunks', () => {
    const promptIds = Array.from({ length: 40 }, (_, index) => 4 + (index % 50));
    const request = sequenceRequest(0, { promptIds, maxTokens: 20 });
    const answer = tokensOf(eventsOf(request, 64));
    for (const prefillChunk of [2, 7, 39]) {
      expect(tokensOf(eventsOf(request, prefillChunk))).toEqual(answer);
    }
  });

  it('scores a prompt over several runs, before the first token', () => {
    const promptIds = Array.from({ length: 40 }, (_, index) => 4 + (index % 50));
    const request = sequenceRequest(0, { promptIds, scoreFrom: 1, topLogprobs: 2 });
    const [, prompt, first] = eventsOf(request, 8);
    const [, whole] = eventsOf(request, 64);
    if (prompt?.kind !== 'prompt' || whole?.kind !== 'prompt') throw new Error('no prompt event');
    expect(prompt.positions.map(({ tokenId }) => tokenId)).toEqual(promptIds.slice(1));
    for (const [index, { logprob, top }] of prompt.positions.entries()) {
      expect(logprob).toBeCloseTo(whole.positions[index]?.logprob ?? NaN, 4);
      expect(top).toHaveLength(2);
      expect(top[0]?.logprob).toBeGreaterThanOrEqual(top[1]?.logprob ?? NaN);
    }
    expect(first?.kind).toBe('token');
  });

  it('scores a prompt and answers nothing when it may draw no tokens', () => {
    const request = sequenceRequest(0, { maxTokens: 0, scoreFrom: 1 });
    expect(eventsOf(request).map(({ kind }) => kind)).toEqual(['admit', 'prompt', 'finish']);
  });

  it('reports with each token where it stood under the policy and both models', () => {
    const events = eventsOf(sequenceRequest(0, { topLogprobs: 3, maxTokens: 1 }));
    const [, token] = events;
    if (token?.kind !== 'token') throw new Error('no token event');
    expect(token.top).toHaveLength(3);
    expect(token.behaviorLogprob).toBeLessThan(0);
    expect(token.value).toBeGreaterThan(0);
    expect(token.kl).toBeGreaterThan(0);
    expect(finishOf(events)).toBe('length');
  });

  it('ends the batch of a run that fails, says why to the log alone, and goes on', () => {
    const broken = sequenceRequest(0, { promptIds: [4, 1000] });
    const { events, messages } = runAll([broken, sequenceRequest(1, { promptIds: [4, 5] })], 2);
    expect(events.get(0)).toEqual([
      { kind: 'admit', id: 0, cachedTokens: 0, sinceMs: expect.any(Number) },
      { kind: 'finish', id: 0, reason: 'error', message: 'The model failed.' },
    ]);
    expect(finishOf(events.get(1) ?? [])).toMatch(/eos|length/);
    const reports = messages.flatMap((message) =>
      message.type === 'step' ? [message.report] : [],
    );
    expect(reports[0]?.error).toMatch(/ONNX Runtime: .*1000/s);
    expect(reports[1]).not.toHaveProperty('error');
  });

  it('reports what each step did', () => {
    const { messages } = runAll([
      sequenceRequest(0, { promptIds: [4, 5, 6], maxTokens: 2 }),
      sequenceRequest(1, { promptIds: [4, 5], maxTokens: 2 }),
    ]);
    const reports = messages.flatMap((message) =>
      message.type === 'step' ? [message.report] : [],
    );
    expect(reports).toMatchObject([
      { kind: 'prefill', batchSize: 2, tokens: 5 },
      { kind: 'decode', batchSize: 2, tokens: 2 },
    ]);
  });

  it('compares one row of a step with the behavior model, where the value model has a say', () => {
    const compared = (beta: number, extraction: 'kl' | 'entropy') => {
      const policy = { extraction, beta, q: 'probability' } as const;
      const { messages } = runAll([sequenceRequest(0, { policy, ignoreEos: true, maxTokens: 20 })]);
      return messages.flatMap((message) =>
        message.type === 'step' ? [[message.report.usesValue, message.report.movesArgmax]] : [],
      );
    };
    expect(new Set(compared(0, 'kl').flat())).toEqual(new Set([false, null]));
    expect(new Set(compared(1e-6, 'kl').flat())).toEqual(new Set([true, false]));
    expect(compared(50, 'entropy')).toContainEqual([true, true]);
  });
});
