import { describe, expect, it } from 'vitest';
import { ServerError } from '../../src/errors.ts';
import { errorResponse } from '../../src/http/error-response.ts';
import { errorBodySchema } from '../../src/http/schema/error-body.ts';
import { VERSION } from '../../src/version.ts';
import type { ScriptedAnswer } from './scripted-engine.ts';
import { LIMITS, PROMPT, testApp } from './test-app.ts';

const SHIRE: ScriptedAnswer = { tokens: ['s '], end: 'eos' };
const ENDLESS: ScriptedAnswer = { tokens: [], end: 'hang' };

async function errorOf(response: Response) {
  return errorBodySchema.strict().parse(await response.json()).error;
}

/** Sent as text, because JSON.stringify can write none of the odd numbers. */
function raw(field: string, value: string): RequestInit {
  return { body: `{"model":"tiny","prompt":"Wordle:\\n","${field}":${value}}` };
}

function nested(depth: number, open: string, close: string): string {
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

describe('bad input', () => {
  it.each([
    ['max_tokens', '-1', 'must be an integer from 0 to 2147483647; -1 was given'],
    ['max_tokens', '0', 'must be at least 1 unless echo or prompt_logprobs asks for the prompt'],
    ['max_tokens', '1.5', 'must be an integer from 0'],
    ['max_tokens', '1e300', '1e+300 was given'],
    ['max_tokens', '"5"', '"5" was given'],
    ['temperature', '-0.1', 'must be a number from 0 to 2; -0.1 was given'],
    ['temperature', '2.1', 'must be a number from 0 to 2'],
    ['temperature', '1e400', 'Infinity was given'],
    ['temperature', '{}', 'must be a number from 0 to 2; an object was given'],
    ['top_p', '0', 'must be a number above 0 and at most 1; 0 was given'],
    ['top_p', '1.01', 'must be a number above 0'],
    ['top_k', '-2', 'must be an integer from -1'],
    ['n', '0', 'must be an integer from 1 to 4'],
    ['priority', '0.5', 'must be an integer from -2147483647 to 2147483647; 0.5 was given'],
    ['cache_salt', '""', 'must be a string of 1 to 1024 characters; "" was given'],
    ['cache_salt', '7', 'must be a string of 1 to 1024 characters; 7 was given'],
    ['n', '1000000000', 'must be an integer from 1 to 4; 1000000000 was given'],
    ['best_of', '5', 'must be an integer from 1 to 4; 5 was given'],
    ['best_of', '0', 'must be an integer'],
    ['logprobs', '6', 'must be an integer from 0 to 5; 6 was given'],
    ['logprobs', 'true', 'true was given'],
    ['beta', '-1', 'must be a number from 0 to 100; -1 was given'],
    ['beta', '1e400', 'Infinity was given'],
    ['beta', '100.5', '100.5 was given'],
    ['extraction', '"ppo"', 'must be one of kl, entropy, greedy, behavior; "ppo" was given'],
    ['q', '"advantage"', 'must be one of probability, ratio'],
    ['seed', '1e30', 'must be an integer from -9007199254740991'],
    ['seed', '0.5', 'must be an integer'],
    ['stop', '""', 'must be a string or a list of at most 4 strings'],
    ['stop', '["a","b","c","d","e"]', 'must be a string or a list of at most 4 strings'],
    ['stop', '["\\ud800"]', 'must be well-formed Unicode'],
    ['stream', '1', 'must be true or false; 1 was given'],
    ['stream_options', 'true', 'must be an object'],
    ['echo', '"yes"', 'must be true or false'],
    ['suffix', '"end"', 'suffix is not supported: tiny was not trained to fill a gap'],
    ['prompt_logprobs', '6', 'must be an integer from 0 to 5; 6 was given'],
    ['truncate_prompt_tokens', '0', 'must be -1 or an integer above 0; 0 was given'],
    ['use_beam_search', 'true', 'must be false: there is no beam search; true was given'],
    ['prompt_embeds', '"x"', 'is not supported (send text or token ids)'],
    ['allowed_token_ids', '[]', 'must have 1 to 1024 token ids'],
    ['allowed_token_ids', '[1000]', 'has token id 1000'],
    ['bad_words', '[""]', 'must be a string of 1 to 256 characters'],
    ['bad_words', '["Q"]', 'bad_words[0] is "Q", which no tokens spell'],
    ['beta', '{"start":1}', 'must be a number from 0 to 100'],
    ['beta', '{"start":1,"end":101}', 'must be a number from 0 to 100'],
    ['qsft', '3', 'must be an object; 3 was given'],
    [
      'qsft',
      '{"gamma":1}',
      'qsft.gamma is unknown; the fields here are beta, extraction, q, details',
    ],
    ['model', '"tiny@gamma=1"', 'behind @ it takes beta, extraction, q and details'],
    ['model', '"tiny@beta=-1"', 'model has a beta that must be a number from 0 to 100'],
    ['model', '"tiny@beta=1,beta=2"', 'has a control twice'],
    ['model', '"tiny@beta=1e400"', 'a beta that must be a number from 0 to 100'],
    ['model', '"tiny@__proto__=1"', 'behind @ it takes'],
    ['model', '"tiny@"', 'behind @ it takes'],
    ['frequency_penalty', '2.1', 'must be a number from -2 to 2; 2.1 was given'],
    ['frequency_penalty', '"1"', 'must be a number from -2 to 2; "1" was given'],
    ['presence_penalty', '-3', 'must be a number from -2 to 2; -3 was given'],
    ['presence_penalty', '1e400', 'Infinity was given'],
    ['repetition_penalty', '0', 'must be a number above 0 and at most 100; 0 was given'],
    ['repetition_penalty', '-1', 'must be a number above 0'],
    ['repetition_penalty', '101', '101 was given'],
    ['min_p', '-0.1', 'must be a number from 0 to 1; -0.1 was given'],
    ['min_p', '1.1', 'must be a number from 0 to 1'],
    ['min_tokens', '-1', 'must be an integer from 0'],
    ['min_tokens', '1.5', 'must be an integer from 0'],
    ['min_tokens', '17', "must be at most the answer's 16 tokens; 17 was given"],
    ['ignore_eos', '1', 'must be true or false; 1 was given'],
    ['logit_bias', '[1]', 'must be an object; a list of 1 was given'],
    ['logit_bias', '{"a":1}', 'must have token ids as keys, not "a"'],
    ['logit_bias', '{"-1":1}', 'must have token ids as keys, not "-1"'],
    ['logit_bias', '{"01":1}', 'must have token ids as keys, not "01"'],
    ['logit_bias', '{"1.0":1}', 'must have token ids as keys, not "1.0"'],
    ['logit_bias', '{"55":1}', "has token id 55; the model's ids end at 54"],
    ['logit_bias', '{"5":101}', 'logit_bias.5 must be a number from -100 to 100; 101 was given'],
    ['logit_bias', '{"5":1e400}', 'Infinity was given'],
    ['logit_bias', '{"5":null}', 'must be a number from -100 to 100; null was given'],
    ['logit_bias', '{"__proto__":1}', 'logit_bias must not have the key "__proto__"'],
    ['stop_token_ids', '5', 'must be a list of token ids; 5 was given'],
    ['stop_token_ids', '[-1]', 'stop_token_ids[0] must be an integer from 0'],
    ['stop_token_ids', '["a"]', '"a" was given'],
    ['stop_token_ids', '[1,55]', "has token id 55; the model's ids end at 54"],
    ['stop_token_ids', `[${'1,'.repeat(1024)}1]`, 'must have at most 1024 token ids'],
    ['prompt', '""', 'must have at least one token'],
    ['prompt', '[]', 'none of them empty'],
    ['prompt', '[[]]', 'prompt[0] must be a list of token ids, not empty'],
    ['prompt', '[-1]', 'prompt[0] must be an integer from 0 to 2147483647; -1 was given'],
    ['prompt', '[1,"a"]', 'prompt[1] must be an integer from 0 to 2147483647; "a" was given'],
    ['prompt', '["a",1]', 'prompt[1] must be a string; 1 was given'],
    ['prompt', '[null]', 'prompt[0] must be a list of token ids, not empty'],
    ['prompt', `[${'0,'.repeat(500)}-1]`, 'must be at most 500 characters or token ids'],
    ['prompt', '[1e400]', 'prompt[0] must be an integer'],
    ['prompt', '[999999]', "has token id 999999; the model's ids end at 54"],
    ['prompt', '"Wordle:\\nS "', 'no token for: "S "'],
    ['prompt', '"\\udc00"', 'must be well-formed Unicode'],
    [
      'prompt',
      JSON.stringify(['x'.repeat(250), 'x'.repeat(251)]),
      'must be at most 500 characters or token ids in all, not 501; a list of 2 was given',
    ],
    ['stop', JSON.stringify('x'.repeat(257)), 'a text of 257 characters was given'],
    ['prompt', '["a\\n","b\\n","c\\n","d\\n","e\\n"]', 'must make at most 4 answers'],
    ['prompt', 'null', 'must be a string'],
    ['prompt', nested(100, '[', ']'), 'a list of 1 was given'],
    ['user', nested(100, '[', ']'), 'must be a string; a list of 1 was given'],
    ['model', '3', 'must be a string; 3 was given'],
  ])('%s: %.40s is refused, saying why', async (field, value, message) => {
    const { complete, submitted } = testApp([SHIRE]);
    const response = await complete({}, raw(field, value));
    const error = await errorOf(response);
    expect(response.status).toBe(400);
    expect(error.type).toBe('invalid_request_error');
    expect(error.message).toContain(message);
    expect(error.param?.split(/[[.]/)[0]).toBe(field);
    expect(submitted).toEqual([]);
  });

  it('takes numbers at the very edge', async () => {
    const { complete } = testApp([SHIRE]);
    const edges = [
      ['temperature', '-0'],
      ['temperature', '1e-300'],
      ['beta', '-0'],
      ['beta', '100'],
      ['top_k', '-1'],
      ['top_p', '1e-300'],
      ['seed', '-9007199254740991'],
      ['stop', '[]'],
      ['stop_token_ids', '[]'],
      ['stop_token_ids', '[0,54]'],
      ['logit_bias', '{}'],
      ['logit_bias', '{"0":-100,"54":100}'],
      ['frequency_penalty', '-2'],
      ['presence_penalty', '2'],
      ['repetition_penalty', '1e-300'],
      ['repetition_penalty', '100'],
      ['min_p', '1'],
      ['min_p', '-0'],
      ['min_tokens', '16'],
      ['best_of', '1'],
    ] as const;
    for (const [field, value] of edges) {
      const response = await complete({}, raw(field, value));
      expect([field, value, response.status]).toEqual([field, value, 200]);
    }
  });

  it.each([
    ['nothing', ''],
    ['half an object', '{"model":'],
    ['a bare number word', '{"model": NaN}'],
  ])('refuses %s as invalid JSON', async (_, body) => {
    const { complete } = testApp([SHIRE]);
    const response = await complete({}, { body });
    expect(response.status).toBe(400);
    expect((await errorOf(response)).code).toBe('invalid_json');
  });

  it.each(['[]', '"text"', 'null', '3', '['.repeat(100) + ']'.repeat(100)])(
    'refuses a body that is no object: %.20s',
    async (body) => {
      const { complete } = testApp([SHIRE]);
      const response = await complete({}, { body });
      expect(response.status).toBe(400);
      expect((await errorOf(response)).message).toBe('The body must be a JSON object.');
    },
  );

  it('refuses to go on without a token left that does not end the answer', async () => {
    const { complete } = testApp([SHIRE]);
    const stop_token_ids = Array.from({ length: 54 }, (_, id) => id + 1);
    const response = await complete({ stop_token_ids, min_tokens: 1 });
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ param: 'stop_token_ids' });
    expect((await complete({ stop_token_ids })).status).toBe(200);
    expect((await complete({ stop_token_ids, min_tokens: 1, ignore_eos: true })).status).toBe(200);
  });

  it('asks for the fields that are required', async () => {
    const { complete } = testApp([SHIRE]);
    const response = await complete({}, { body: '{"prompt":"Wordle:\\n"}' });
    expect(await errorOf(response)).toMatchObject({
      message: 'model is required and must be a string.',
      param: 'model',
    });
  });
});

describe('limits', () => {
  it('refuse a prompt that leaves no room for an answer', async () => {
    const { complete } = testApp([SHIRE]);
    const response = await complete({ prompt: 'a '.repeat(64) });
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({
      code: 'context_length_exceeded',
      param: 'prompt',
      message: expect.stringContaining('maximum context length is 64 tokens'),
    });
  });

  it('refuse an answer that does not fit after the prompt', async () => {
    const { complete } = testApp([SHIRE]);
    const response = await complete({ prompt: 'a '.repeat(60), max_tokens: 5 });
    expect(await errorOf(response)).toMatchObject({
      code: 'context_length_exceeded',
      param: 'max_tokens',
      message: expect.stringContaining('the prompt has 60 and max_tokens asks for 5 more'),
    });
  });

  it('fit an answer length that nobody asked for', async () => {
    const { complete, submitted } = testApp([SHIRE]);
    expect((await complete({ prompt: 'a '.repeat(60) })).status).toBe(200);
    expect(submitted[0]?.maxTokens).toBe(4);
  });

  it('refuse a body that is too large, whether its length is announced or not', async () => {
    const { complete } = testApp([SHIRE]);
    const body = JSON.stringify({ user: 'x'.repeat(LIMITS.maxBodyBytes) });
    const chunked = new Blob([body]).stream();
    const announced = { body, headers: { 'content-length': String(body.length) } };
    for (const init of [announced, { body }, { body: chunked, duplex: 'half' as const }]) {
      const response = await complete({}, init);
      expect(response.status).toBe(413);
      expect((await errorOf(response)).code).toBe('body_too_large');
    }
  });

  it.each([
    ['content-encoding', 'gzip'],
    ['content-encoding', 'br, identity'],
    ['transfer-encoding', 'gzip, chunked'],
  ])('refuse a body whose %s is %s, so that no bomb is unpacked', async (name, encoding) => {
    const { complete } = testApp([SHIRE]);
    const response = await complete({}, { headers: { [name]: encoding } });
    expect(response.status).toBe(415);
    expect((await errorOf(response)).code).toBe('unsupported_encoding');
  });

  it.each([
    ['a list', (depth: number) => ({ stop: nested(depth, '[', ']') })],
    ['a schema', (depth: number) => ({ structured_outputs: nested(depth, '{"not":', '}') })],
    ['a field nobody reads', (depth: number) => ({ whatever: nested(depth, '[', ']') })],
  ])('refuse %s that is nested too deep to be walked', async (_, fields) => {
    const { complete } = testApp([SHIRE], { limits: { maxBodyBytes: 1e6, maxGrammarChars: 1e6 } });
    for (const depth of [128, 20_000]) {
      const [[name, value] = []] = Object.entries(fields(depth));
      const body = `{"model": "tiny", "prompt": "a", "${name}": ${value}}`;
      const response = await complete({}, { body });
      expect(response.status).toBe(400);
      expect((await errorOf(response)).message).toBe('The body must be nested at most 128 deep.');
    }
  });

  it('say in whole seconds when to come again, however long that is', () => {
    const waits = [0, 1001, 599_001].map((retryAfterMs) => {
      const error = new ServerError('quota_exceeded', 'No tokens left.', { retryAfterMs });
      return errorResponse(error).headers.get('retry-after');
    });
    expect(waits).toEqual(['1', '2', '600']);
  });

  it('refuse JSON of too many values before anyone looks at them', async () => {
    const { complete } = testApp([SHIRE], { limits: { maxBodyBytes: 1e6, maxBodyValues: 50 } });
    const response = await complete({ prompt: Array.from({ length: 50 }, () => 4) });
    expect(response.status).toBe(400);
    expect((await errorOf(response)).message).toBe('The body must be of at most 50 values.');
  });

  it('refuse what the queue has no room for, all or nothing', async () => {
    const { complete, engine } = testApp([ENDLESS], { queueLimit: 2 });
    const running = await complete({ stream: true });
    const response = await complete({ n: 2 });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await errorOf(response)).toMatchObject({
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    });
    expect(engine.inFlight.running).toBe(1);
    await running.body?.cancel();
  });
});

describe('routes', () => {
  it('refuse a model that is not served', async () => {
    const { app, complete } = testApp([SHIRE]);
    const completion = await complete({ model: 'gpt-4' });
    expect(completion.status).toBe(404);
    expect(await errorOf(completion)).toMatchObject({ code: 'model_not_found', param: 'model' });
    const model = await app.request('/v1/models/gpt-4');
    expect(model.status).toBe(404);
    expect((await errorOf(model)).message).toContain('There is no model "gpt-4"');
  });

  it.each(['/', '/v1', '/v1/embeddings', '//v1/models', '/V1/models', '/%ff', '/healthz'])(
    'answer %s with an error object',
    async (path) => {
      const { app } = testApp([SHIRE]);
      const response = await app.request(path);
      expect(response.status).toBe(404);
      expect((await errorOf(response)).code).toBe('route_not_found');
    },
  );

  it.each([
    ['POST', '/chat/completions', 'did you mean POST /v1/chat/completions?'],
    ['POST', '/v1/v1/completions', 'did you mean POST /v1/completions?'],
    ['GET', '/v1/models/', 'did you mean GET /v1/models?'],
    ['GET', '/v1//models', 'did you mean GET /v1/models?'],
    ['POST', '/v1/tokenize', 'did you mean POST /tokenize?'],
    ['GET', '/v1/health', 'did you mean GET /health?'],
    ['GET', '/api/version', 'did you mean GET /version?'],
    ['GET', '/', 'There is no GET /: GET /openapi.json has the routes.'],
    ['POST', '/v1/embeddings', 'GET /openapi.json has the routes.'],
  ])('answer %s %s with the route that was meant, or where they are listed', async (...row) => {
    const [method, path, advice] = row;
    const response = await testApp([SHIRE]).app.request(path, { method });
    expect((await errorOf(response)).message).toContain(advice);
  });

  it.each([
    ['GET', '/v1/completions', 'POST'],
    ['DELETE', '/v1/models/tiny', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
  ])('refuse %s %s and name what they take', async (method, path, allowed) => {
    const { app } = testApp([SHIRE]);
    const response = await app.request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allowed);
    expect((await errorOf(response)).code).toBe('method_not_allowed');
    expect(response.headers.get('x-request-id')).toMatch(/^req-/);
  });

  it('say nothing about the inside of a failure nobody foresaw', async () => {
    const { complete, log, metric } = testApp([]);
    const response = await complete({});
    expect(response.status).toBe(500);
    expect(await errorOf(response)).toEqual({
      message: 'The server failed; its log has the cause.',
      type: 'server_error',
      param: null,
      code: 'internal_error',
    });
    expect(JSON.stringify(log)).toContain('the script has no answers');
    expect(await metric('qsft_rejected_total{reason="internal_error"}')).toBe(1);
  });

  it('keep a plain request id and replace any other', async () => {
    const { app } = testApp([SHIRE]);
    const idFor = async (given: string) => {
      const headers = { 'x-request-id': given };
      return (await app.request('/health/live', { headers })).headers.get('x-request-id');
    };
    expect(await idFor('Trace-1.a_b')).toBe('Trace-1.a_b');
    expect(await idFor('two words')).toMatch(/^req-/);
    expect(await idFor('x'.repeat(129))).toMatch(/^req-/);
  });

  it('say which version of the server they are of', async () => {
    const response = await testApp([SHIRE]).app.request('/version');
    expect(await response.json()).toEqual({ version: VERSION });
  });

  it('list the model with what a client needs to know', async () => {
    const { app, complete } = testApp([SHIRE]);
    await complete({});
    const model = {
      id: 'tiny',
      object: 'model',
      created: 1_750_000_000,
      owned_by: 'qsft',
      root: 'tiny',
      state: 'loaded',
      max_model_len: 64,
      qsft: { beta: 4, extraction: 'kl', q: 'probability' },
    };
    expect(await (await app.request('/v1/models')).json()).toEqual({
      object: 'list',
      data: [model],
    });
    expect(await (await app.request('/v1/models/tiny')).json()).toEqual(model);
  });

  it('count requests by route pattern, whatever the path was', async () => {
    const { app, complete, metric } = testApp([SHIRE]);
    await complete({ prompt: PROMPT });
    await app.request('/v1/models/a');
    await app.request('/v1/models/b');
    await app.request('/nowhere');
    const count = (method: string, route: string, status: number) =>
      metric(`qsft_http_requests_total{method="${method}",route="${route}",status="${status}"}`);
    expect(await count('POST', '/v1/completions', 200)).toBe(1);
    expect(await count('GET', '/v1/models/:id', 404)).toBe(2);
    expect(await count('GET', 'none', 404)).toBe(1);
  });
});
