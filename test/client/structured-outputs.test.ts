// Answers that must be of some form, from a real policy with random weights, over HTTP.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scrape } from '../../scripts/scrape.ts';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import { eventually } from '../deadline.ts';
import { jsonPolicy } from '../policy/json-policy.ts';
import { postTo, type Reply } from './reply.ts';

const policy = jsonPolicy();
const ajv = new Ajv2020({ strict: false });
let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess([
    ...['--model', policy.folder, '--threads', '1', '--max-sequences', '4'],
    ...['--grammar-timeout-ms', '3000', '--tool-parser', 'hermes'],
  ]);
});
afterAll(async () => {
  await server?.stop('SIGKILL');
  policy.remove();
});

const post = (path: string, body: object) => postTo(server, path, body);

async function complete(body: object): Promise<Reply> {
  const reply = await post('/v1/completions', { prompt: 'a', max_tokens: 55, ...body });
  expect(reply).toMatchObject({ status: 200 });
  return reply.body;
}

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 6 },
    age: { type: 'integer', minimum: 3, maximum: 120 },
    tags: { type: 'array', items: { enum: ['a', 'b c'] }, maxItems: 2 },
  },
  required: ['name', 'age'],
};

describe('structured_outputs', () => {
  it.each([
    ['plain', {}],
    ['at temperature 0', { temperature: 0 }],
    ['at a low β with penalties', { beta: 0, frequency_penalty: 2, repetition_penalty: 1.5 }],
    ['truncated, with a bias against what must be', { top_k: 3, logit_bias: { 4: -100 } }],
    ['with tokens that end it too early', { min_tokens: 50 }],
  ])('gives JSON by a schema: %s', async (_, fields) => {
    for (let seed = 0; seed < 6; seed += 1) {
      const body = { structured_outputs: { json: PERSON }, seed, n: 2, ...fields };
      for (const { text, finish_reason } of (await complete(body)).choices) {
        expect(finish_reason).toBe('stop');
        expect(ajv.validate(PERSON, JSON.parse(text)), text).toBe(true);
      }
    }
  });

  it('gives JSON by a response_format too', async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 'it', schema: PERSON } };
    const [{ text }] = (await complete({ response_format, seed: 1 })).choices;
    expect(ajv.validate(PERSON, JSON.parse(text)), text).toBe(true);
  });

  it('gives what a regular expression and a grammar say, and stops there', async () => {
    const regex = '(ab|c{2,3}) [0-9]{4}x?';
    const { choices } = await complete({ structured_outputs: { regex }, n: 8, seed: 1 });
    for (const { text, finish_reason } of choices) {
      expect(text).toMatch(new RegExp(`^${regex}$`));
      expect(finish_reason).toBe('stop');
    }
    const grammar = 'root ::= "a" pair "z"\npair ::= "(" | [b-d] pair?';
    const other = 'root ::= "a" pair "z"\npair ::= [b-d] pair?';
    expect(
      (await complete({ structured_outputs: { grammar: other }, seed: 1 })).choices[0],
    ).toEqual(
      expect.objectContaining({ text: expect.stringMatching(/^a[b-d]+z$/), finish_reason: 'stop' }),
    );
    expect((await complete({ structured_outputs: { grammar }, max_tokens: 1 })).choices[0]).toEqual(
      expect.objectContaining({ text: 'a', finish_reason: 'length' }),
    );
  });

  it('refuses a form in which the answer comes to where no token goes on', async () => {
    const grammar = 'root ::= "ab" [é]';
    const { status, body } = await post('/v1/completions', {
      ...{ prompt: 'a', max_tokens: 9, structured_outputs: { grammar } },
    });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: 'invalid_request' });
    expect(body.error.message).toContain('no token of this model continues it');
  });

  it('streams the same, and ends at a stop string', async () => {
    const body = { structured_outputs: { regex: '[a-f]{8}' }, seed: 3 };
    const { text } = (await complete(body)).choices[0];
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', prompt: 'a', ...body, stream: true }),
    });
    const events = (await response.text()).split('\n\n').filter((line) => line.includes('{'));
    const chunks = events.map((line) => JSON.parse(line.slice(6)) as Reply);
    expect(chunks.map(({ choices }) => choices[0].text).join('')).toBe(text);
    const cut = await complete({ ...body, stop: text.slice(2, 4) });
    expect(cut.choices[0]).toMatchObject({ finish_reason: 'stop', stop_reason: text.slice(2, 4) });
  });

  it('draws from the policy renormalised over what is allowed, and reports it whole', async () => {
    const allowed = [...'bcdef'];
    const { choices } = await complete({
      ...{ prompt: 'ab', max_tokens: 1, n: 100, logprobs: 20, seed: 1, beta: 1 },
      structured_outputs: { regex: '[b-f]' },
    });
    const { data } = (await post('/v1/score', { prompt: 'ab', continuations: allowed, beta: 1 }))
      .body;
    const weights = data.map(({ logprob }: Reply) => Math.exp(logprob));
    const total = weights.reduce((sum: number, weight: number) => sum + weight, 0);
    expect(total).toBeLessThan(0.9);
    const counts = new Map(allowed.map((letter) => [letter, 0]));
    for (let seed = 1; seed <= 10; seed += 1) {
      const reply = await complete({
        ...{ prompt: 'ab', max_tokens: 1, n: 100, seed, beta: 1 },
        structured_outputs: { regex: '[b-f]' },
      });
      for (const { text } of reply.choices) counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const chiSquared = allowed.reduce((sum, letter, index) => {
      const expected = (1000 * weights[index]) / total;
      return sum + ((counts.get(letter) ?? 0) - expected) ** 2 / expected;
    }, 0);
    // Four degrees of freedom: 23.5 is exceeded once in ten thousand.
    expect(chiSquared).toBeLessThan(23.5);
    const [{ text, logprobs }] = choices;
    expect(logprobs.token_logprobs[0]).toBeCloseTo(data[allowed.indexOf(text)].logprob, 4);
  });

  it.each([
    [{ json: { type: 'integer', multipleOf: 2 } }, 'structured_outputs.json', /multipleOf/],
    [{ json: '{"type": ' }, 'structured_outputs.json', /no JSON/],
    [{ regex: '(a)\\1' }, 'structured_outputs.regex', /\\1, which is not supported/],
    [{ grammar: 'root ::= missing' }, 'structured_outputs.grammar', /"missing" is not defined/],
    [{ grammar: 'root ::= "A"' }, 'structured_outputs.grammar', /no text that this model/],
    [{ grammar: 'root ::= root "a"' }, 'structured_outputs.grammar', /no text that this model/],
    [{}, 'structured_outputs', /must have one of json, regex, choice, grammar, not none/],
    [{ json: {}, regex: 'a' }, 'structured_outputs', /not json and regex/],
    [{ regexp: 'a' }, 'structured_outputs.regexp', /is unknown/],
    [{ choice: ['a', 'a'] }, 'structured_outputs.choice', /must not repeat/],
    [
      { choice: Array.from({ length: 129 }, (_, at) => `${at}`) },
      'structured_outputs.choice',
      /128/,
    ],
    [{ choice: ['a', 'A'] }, 'structured_outputs.choice[1]', /no token for/],
    [{ regex: 'a'.repeat(65_537) }, 'structured_outputs.regex', /65536/],
  ])('refuses %j, and serves the next', async (structured_outputs, param, message) => {
    const { status, body } = await post('/v1/completions', { prompt: 'a', structured_outputs });
    expect({ status, param: body.error.param }).toEqual({ status: 400, param });
    expect(body.error.message).toMatch(message);
    const next = await complete({ structured_outputs: { regex: 'ab' } });
    expect(next.choices[0].text).toBe('ab');
  });

  it('gives up on a grammar that takes too long, while others go on', async () => {
    const bomb = 'root ::= ((([a-z]{100}){100}){100}){100}';
    const [refused, ...served] = await Promise.all([
      post('/v1/completions', { prompt: 'a', structured_outputs: { grammar: bomb } }),
      complete({ structured_outputs: { regex: 'ab' } }),
      complete({}),
    ]);
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { param: 'structured_outputs.grammar' } },
    });
    expect(served[0].choices[0].text).toBe('ab');
  });

  it('leaves nothing behind', async () => {
    const gauges = ['qsft_sequences_running', 'qsft_queue_depth', 'qsft_constrained_answers'];
    await eventually('every gauge to be back at zero', async () => {
      const counted = await scrape(server.url);
      return gauges.every((gauge) => counted(gauge) === 0);
    });
  });
});

describe('structured_outputs.choice', () => {
  const choice = ['abc', 'abd', 'zz', 'true'];

  it('scores whole candidates as /v1/score does, and draws among them', async () => {
    const { data } = (await post('/v1/score', { prompt: 'a', continuations: choice })).body;
    const reply = await complete({ structured_outputs: { choice }, n: 100, seed: 1, logprobs: 0 });
    const weights = data.map(({ logprob }: Reply) => Math.exp(logprob));
    const total = weights.reduce((sum: number, weight: number) => sum + weight, 0);
    const { choices: rated } = reply.qsft;
    expect(rated.map(({ text }: Reply) => text)).toEqual(choice);
    for (const [index, { probability, logprob }] of rated.entries()) {
      expect(probability).toBeCloseTo(weights[index] / total, 5);
      expect(logprob).toBeCloseTo(data[index].logprob, 4);
    }
    const sum = rated.reduce((all: number, { probability }: Reply) => all + probability, 0);
    expect(sum).toBeCloseTo(1, 12);
    const counts = choice.map(
      (text) => reply.choices.filter((answer: Reply) => answer.text === text).length,
    );
    const chiSquared = counts.reduce((all, count, index) => {
      const expected = 100 * rated[index].probability;
      return all + (count - expected) ** 2 / expected;
    }, 0);
    // Three degrees of freedom.
    expect(chiSquared).toBeLessThan(21.2);
    expect(reply.choices[0].logprobs.tokens.join('')).toBe(reply.choices[0].text);
  });

  it('takes the best at temperature 0, and the same with the same seed', async () => {
    const greedy = await complete({ structured_outputs: { choice }, temperature: 0 });
    const rated = greedy.qsft.choices;
    const best = Math.max(...rated.map(({ probability }: Reply) => probability));
    expect(greedy.choices[0].text).toBe(
      rated.find(({ probability }: Reply) => probability === best).text,
    );
    const draws = await Promise.all(
      [1, 1].map(() => complete({ structured_outputs: { choice }, n: 20, seed: 7 })),
    );
    expect(draws[0].choices).toEqual(draws[1].choices);
  });

  it('draws by tokens where that is asked', async () => {
    const structured_outputs = { choice, choice_method: 'tokens' };
    const { choices, qsft } = await complete({ structured_outputs, n: 20, seed: 1 });
    for (const { text } of choices) expect(choice).toContain(text);
    expect(qsft).not.toHaveProperty('choices');
  });

  it.each([
    [{ logit_bias: { 5: 1 } }, 'logit_bias'],
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ echo: true }, 'echo'],
    [{ logprobs: 3 }, 'logprobs'],
  ])('refuses %j, which is of tokens', async (fields, param) => {
    const request = { prompt: 'a', structured_outputs: { choice }, ...fields };
    const { status, body } = await post('/v1/completions', request);
    expect({ status, param: body.error.param }).toEqual({ status: 400, param });
  });
});

describe('a conversation', () => {
  const messages = [{ role: 'user', content: 'a' }];
  const LIGHT = {
    type: 'function',
    function: {
      name: 'f',
      parameters: { type: 'object', properties: { on: { type: 'boolean' } }, required: ['on'] },
    },
  };

  it('answers by a schema, in chats and responses', async () => {
    const schema = { type: 'object', properties: { a: { enum: [1, 'x'] } }, required: ['a'] };
    const json_schema = { name: 'it', schema, strict: true };
    const response_format = { type: 'json_schema', json_schema };
    const chat = await post('/v1/chat/completions', { messages, response_format, seed: 1 });
    expect(ajv.validate(schema, JSON.parse(chat.body.choices[0].message.content))).toBe(true);
    const text = { format: { type: 'json_schema', ...json_schema } };
    const response = await post('/v1/responses', { input: 'a', text, seed: 2 });
    const [{ content }] = response.body.output;
    expect(ajv.validate(schema, JSON.parse(content[0].text))).toBe(true);
    expect(response.body.text.format.type).toBe('json_schema');
  });

  it('answers with any JSON object', async () => {
    const response_format = { type: 'json_object' };
    const bias = { '5': 100 };
    const { body } = await post('/v1/chat/completions', {
      ...{ messages, response_format, seed: 3, logit_bias: bias },
    });
    expect(JSON.parse(body.choices[0].message.content)).toBeTypeOf('object');
  });

  it('chooses among texts', async () => {
    const { body } = await post('/v1/chat/completions', {
      ...{ messages, structured_outputs: { choice: ['go on', 'stop'] }, logprobs: true },
    });
    expect(body.qsft.choices).toHaveLength(2);
    expect(['go on', 'stop']).toContain(body.choices[0].message.content);
  });

  it.each(['required', { type: 'function', function: { name: 'f' } }])(
    'is not able to spell a call without its characters: %j',
    async (tool_choice) => {
      // This vocabulary has no < or >.
      const { status, body } = await post('/v1/chat/completions', {
        ...{ messages: [{ role: 'user', content: 'a' }], tools: [LIGHT], tool_choice },
      });
      expect({ status, param: body.error.param }).toEqual({
        status: 400,
        param: expect.any(String),
      });
    },
  );
});
