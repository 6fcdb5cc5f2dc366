// Streams put together are the whole answers, and these are what a naive reader of the tokens finds: for texts of any characters
// cut anywhere, between the bytes of one too.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LocalTokenizer } from '../../src/generation/tokenizer.ts';
import { completionSchema } from '../../src/http/schema/completion-response.ts';
import { byteFallbackTokenizer, byteLevelTokenizer } from '../generation/tokenizers.ts';
import { TEMPLATE, WEATHER } from '../http/chat-app.ts';
import {
  STREAMED,
  streamedChat,
  streamedCompletion,
  streamedResponse,
  wholeChat,
  wholeCompletion,
  wholeResponse,
} from '../http/put-together.ts';
import { testApp } from '../http/test-app.ts';

const SETTINGS = { seed: 20_261_129, numRuns: 150 };
const LIMITS = { maxBodyBytes: 65_536, maxPromptChars: 3000 };
const PROMPT = 'Hé 👋';

const tokenizer = byteLevelTokenizer();
const words = [
  ...['a', 'b', ' the', 'hello', '\n', 'é', '👋', '你好', '<|end|>', '\u0000'],
  ...['{', '}', '"', '<', '<tool_call>', '</tool_call>', ';'],
];
const callText = (name: string, text: string) =>
  `<tool_call>\n{"name": "${name}", "arguments": ${text}}\n</tool_call>`;
const calls = fc
  .tuple(
    fc.constantFrom('get_weather', 'other'),
    fc.constantFrom('{}', '{"city": "Bönn 👋"}', '{"a": [', '[1]', '"x"', '{"a": {"b": "}"}}'),
  )
  .map(([name, text]) => callText(name, text));
const spoken = fc
  .array(fc.oneof(fc.constantFrom(...words), calls), { maxLength: 8 })
  .map((parts) => tokenizer.encode(parts.join('')));
const anyIds = fc.array(fc.nat(tokenizer.vocabularySize - 1), { maxLength: 30 });
const ids = fc.oneof(spoken, anyIds);

const shared = {
  stop: fc.array(
    fc.oneof(fc.constantFrom(...words), fc.constantFrom('hell', 'lo', ' t', '好', 'aa')),
    {
      maxLength: 3,
    },
  ),
  include_stop_str_in_output: fc.boolean(),
  max_tokens: fc.integer({ min: 1, max: 40 }),
  n: fc.integer({ min: 1, max: 2 }),
  return_token_ids: fc.boolean(),
  return_tokens_as_token_ids: fc.boolean(),
  skip_special_tokens: fc.boolean(),
  qsft: fc.record({ details: fc.boolean() }),
  echo: fc.boolean(),
};

function fields(all: Record<string, fc.Arbitrary<unknown>>) {
  return fc.record(all, { requiredKeys: [] });
}

const asks = fields({ ...shared, logprobs: fc.nat(2) });
const chats = fields({
  ...shared,
  logprobs: fc.boolean(),
  tools: fc.constant([WEATHER]),
  parallel_tool_calls: fc.boolean(),
});

const { stop, include_stop_str_in_output, skip_special_tokens, qsft } = shared;
const replies = fields({
  ...{ stop, include_stop_str_in_output, skip_special_tokens, qsft },
  max_output_tokens: fc.integer({ min: 1, max: 40 }),
  include: fc.constant(['message.output_text.logprobs']),
  tools: fc.constant([{ type: 'function', ...WEATHER.function }]),
  parallel_tool_calls: fc.boolean(),
});

/** An engine that says these tokens, as far as it is allowed to. */
function sayer(which = tokenizer) {
  const script: { ids: readonly number[] } = { ids: [] };
  const { app } = testApp(
    ({ maxTokens }) => {
      const tokens = script.ids.slice(0, maxTokens);
      return { tokens, end: tokens.length === maxTokens ? 'length' : 'eos' };
    },
    { tokenizer: which, template: TEMPLATE, maxLength: 4096, limits: LIMITS },
  );
  const post = async (path: string, body: object): Promise<Response> => {
    const response = await app.request(path, {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', ...body }),
    });
    if (!response.ok) throw new Error(await response.text());
    return response;
  };
  return { script, post };
}

describe('a streamed answer', () => {
  it('is the whole one, of completions', async () => {
    const { script, post } = sayer();
    await fc.assert(
      fc.asyncProperty(ids, asks, async (said, asked) => {
        script.ids = said;
        const body = { prompt: PROMPT, ...asked };
        const whole = await wholeCompletion(await post('/v1/completions', body));
        const streamed = await post('/v1/completions', { ...body, ...STREAMED });
        expect(await streamedCompletion(streamed)).toEqual(whole);
      }),
      SETTINGS,
    );
  });

  it('is the whole one, of chats with tools and without', async () => {
    const { script, post } = sayer();
    await fc.assert(
      fc.asyncProperty(ids, chats, async (said, asked) => {
        script.ids = said;
        const last = asked.echo === true ? [{ role: 'assistant', content: 'Só: ' }] : [];
        const messages = [{ role: 'user', content: PROMPT }, ...last];
        const ends = asked.echo === true ? { continue_final_message: true } : {};
        const body = { messages, ...ends, ...asked };
        const whole = await wholeChat(await post('/v1/chat/completions', body));
        const streamed = await post('/v1/chat/completions', { ...body, ...STREAMED });
        expect(await streamedChat(streamed)).toEqual(whole);
      }),
      SETTINGS,
    );
  });

  it('is the whole one, of responses with tools and without', async () => {
    const { script, post } = sayer();
    await fc.assert(
      fc.asyncProperty(ids, replies, async (said, asked) => {
        script.ids = said;
        const body = { input: PROMPT, ...asked };
        const whole = await wholeResponse(await post('/v1/responses', body));
        const streamed = await post('/v1/responses', { ...body, stream: true });
        expect(await streamedResponse(streamed)).toEqual(whole);
      }),
      SETTINGS,
    );
  });
});

describe('a whole answer', () => {
  it.each([
    ['bytes as letters', byteLevelTokenizer(), ['a', 'hell', 'é', '👋', 'aa']],
    ['bytes as a last resort', byteFallbackTokenizer(), ['a', ' th', 'é', 'the', '.']],
  ])('is the text of its tokens up to what first ends it: %s', async (_, which, stops) => {
    const { script, post } = sayer(which);
    const asked = fc.record({
      max_tokens: fc.integer({ min: 1, max: 40 }),
      stop: fc.array(fc.constantFrom(...stops), { maxLength: 3 }),
      include_stop_str_in_output: fc.boolean(),
      skip_special_tokens: fc.boolean(),
    });
    const bytes = (text: string) => which.encode(text);
    const said = fc.oneof(
      fc.array(fc.nat(which.vocabularySize - 1), { maxLength: 30 }),
      fc
        .array(fc.constantFrom('a', 'the', 'hello', 'é', '👋', ' the.'), { maxLength: 8 })
        .map((parts) => bytes(parts.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(said, asked, async (tokens, fields) => {
        script.ids = tokens;
        const response = await post('/v1/completions', { prompt: 'a', ...fields });
        const { choices } = completionSchema.parse(await response.json());
        const { text, finish_reason, stop_reason } = choices[0] ?? {};
        expect({ text, finish_reason, stop_reason }).toEqual(naively(which, tokens, fields));
      }),
      SETTINGS,
    );
  });
});

interface Asked {
  readonly max_tokens: number;
  readonly stop: readonly string[];
  readonly include_stop_str_in_output: boolean;
  readonly skip_special_tokens: boolean;
}

/** All tokens at once, and then every place in their text where a stop string ends. */
function naively(which: LocalTokenizer, said: readonly number[], asked: Asked) {
  const ids = said.slice(0, asked.max_tokens);
  const special = asked.skip_special_tokens ? 'dropped' : 'kept';
  const context = which.encode('a');
  const before = which.decode(context, special);
  const text = which.decode([...context, ...ids], special).slice(before.length);
  for (let end = 1; end <= text.length; end += 1) {
    const here = asked.stop.filter((stop) => text.slice(0, end).endsWith(stop));
    const [stop] = here.toSorted((one, other) => other.length - one.length);
    if (stop === undefined) continue;
    const kept = asked.include_stop_str_in_output ? end : end - stop.length;
    return { text: text.slice(0, kept), finish_reason: 'stop', stop_reason: stop };
  }
  const isCut = ids.length === asked.max_tokens;
  return { text, finish_reason: isCut ? 'length' : 'stop', stop_reason: null };
}
