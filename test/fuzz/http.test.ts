// The running server against whatever bytes a socket can carry: random ones, requests with some of their bytes changed, and
// requests that are let go of part-way. It must answer others meanwhile, and be idle afterwards.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import { eventually, withDeadline } from '../deadline.ts';
import { type Random, seededRandom } from '../random.ts';

const SEED = 20261123;
const CONNECTIONS = 600;
const AT_A_TIME = 12;
const RECEIVE_TIMEOUT_MS = 1000;

const PATHS = [
  '/v1/completions',
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/responses/input_tokens',
  '/v1/score',
  '/tokenize',
  '/detokenize',
  '/v1/models/tiny',
  '/metrics',
  '/health/ready',
  '/ping',
  '/openapi.json',
];
const METHODS = [
  'POST',
  'POST',
  'POST',
  'GET',
  'PUT',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'post',
];
const VALUES = [
  'null',
  '-1',
  '0',
  '1e400',
  '-0',
  '1e-320',
  '9007199254740993',
  '"\\ud800"',
  '"x"',
  '[]',
  '{}',
  '[[]]',
  '[4]',
  'true',
  '""',
  '"Wordle:\\n"',
  '{"start":1,"end":0}',
  '[1e99]',
  '"\\u0000"',
];
const FIELDS = [
  'model',
  'prompt',
  'messages',
  'input',
  'max_tokens',
  'n',
  'best_of',
  'stream',
  'stream_options',
  'logprobs',
  'echo',
  'stop',
  'seed',
  'beta',
  'extraction',
  'q',
  'qsft',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'logit_bias',
  'bad_words',
  'allowed_token_ids',
  'timeout',
  'priority',
  'cache_salt',
  'tools',
  'response_format',
  'structured_outputs',
  'suffix',
  'truncate_prompt_tokens',
  'continuations',
  'tokens',
  '__proto__',
  'constructor',
];
const HEADERS = [
  'content-type: application/json',
  'x-request-timeout: 0.05',
  'x-request-timeout: soon',
  'authorization: Bearer x',
  'x-request-id: a\tb',
  'expect: 100-continue',
  'connection: close',
  'connection: upgrade\r\nupgrade: websocket',
  'transfer-encoding: gzip',
  'content-encoding: gzip',
  'content-length: -1',
  'host: ',
  'range: bytes=0-1',
  'traceparent: 00-zz-zz-zz',
];

function body(random: Random): string {
  const fields = Array.from(
    { length: random.below(6) },
    () => `"${random.pick(FIELDS)}":${random.pick(VALUES)}`,
  );
  const base = [
    '"model":"tiny"',
    '"prompt":"Wordle:\\n"',
    '"max_tokens":4',
    ...(random.below(2) ? ['"stream":true'] : []),
  ];
  const text = `{${[...base, ...fields].join(',')}}`;
  const nested = '['.repeat(random.below(5000));
  return random.below(12) === 0 ? nested : text;
}

function request(random: Random): Buffer {
  const text = body(random);
  const headers = Array.from({ length: random.below(3) }, () => random.pick(HEADERS));
  const isChunked = random.below(3) === 0;
  const length = Buffer.byteLength(text);
  const framing = isChunked ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  const sent = isChunked ? `${length.toString(16)}\r\n${text}\r\n0\r\n\r\n` : text;
  const path =
    random.pick(PATHS) + random.pick(['', '', '', '/', '//', '?x=%00', '/..', '%2f', '%']);
  const head = [`${random.pick(METHODS)} ${path} HTTP/1.1`, 'host: fuzz', framing, ...headers];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${sent}`, 'latin1');
}

function mutate(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  for (let count = random.below(4); count > 0; count -= 1) {
    changed[random.below(changed.length)] = random.below(256);
  }
  return random.below(3) === 0 ? changed.subarray(0, random.below(changed.length)) : changed;
}

function payload(random: Random): Buffer {
  if (random.below(8) === 0) {
    return Buffer.from(Array.from({ length: random.below(2000) }, () => random.below(256)));
  }
  const first = request(random);
  const pipelined = random.below(6) === 0 ? Buffer.concat([first, request(random)]) : first;
  return random.below(2) === 0 ? mutate(pipelined, random) : pipelined;
}

/** Sends it, then reads to the end, leaves half-way or closes its own side first. */
async function visit(port: number, bytes: Buffer, leaving: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  if (leaving === 0) socket.once('data', () => socket.destroy());
  else socket.resume();
  socket.write(bytes);
  if (leaving === 1) socket.destroySoon();
  // Keep-alive connections would stay: half-closing says that no more comes.
  else socket.end();
  await withDeadline(
    `the end of ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`,
    closed,
  );
}

describe('the running server', () => {
  let server: ServerProcess;
  beforeAll(async () => {
    const flags = ['--model', 'test/fixtures/tiny-policy', '--threads', '1'];
    const limits = [
      '--receive-timeout-ms',
      String(RECEIVE_TIMEOUT_MS),
      '--max-request-seconds',
      '5',
    ];
    server = await startServerProcess([...flags, ...limits]);
  });
  afterAll(() => server.stop('SIGKILL'));

  const metrics = async () => (await fetch(`${server.url}/metrics`)).text();

  it(`survives ${CONNECTIONS} connections of nonsense (seed ${SEED}) and is idle afterwards`, async () => {
    const random = seededRandom(SEED);
    const { port } = new URL(server.url);
    for (let visits = 0; visits < CONNECTIONS; visits += AT_A_TIME) {
      const batch = Array.from({ length: AT_A_TIME }, () =>
        visit(Number(port), payload(random), random.below(4)),
      );
      await Promise.all(batch);
      // On a connection of its own: one that was kept may have been closed since.
      const headers = { connection: 'close' };
      expect((await fetch(`${server.url}/health/live`, { headers })).status).toBe(200);
    }
    await eventually('every gauge to be back at zero', async () => {
      const text = await metrics();
      return (
        /^qsft_queue_depth(\{[^}]*\})? 0$/m.test(text) &&
        /^qsft_sequences_running(\{[^}]*\})? 0$/m.test(text)
      );
    });
    expect(await metrics()).toMatch(/^qsft_engine_restarts_total\{model="[^"]+"\} 0$/m);
    expect(await metrics()).not.toContain('reason="internal_error"');
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', prompt: 'Wordle:\n', max_tokens: 2 }),
    });
    expect(response.status).toBe(200);
  });
});
