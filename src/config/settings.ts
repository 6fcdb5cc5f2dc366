// Every setting of the server, declared once: a flag (`--queue-limit`) and an environment variable (`QSFT_QUEUE_LIMIT`).
// Secrets have no flag, because everyone on a machine sees its processes' flags.
import { fileURLToPath } from 'node:url';
import {
  choice,
  integer,
  list,
  optionalBytes,
  optionalInteger,
  optionalText,
  type Setting,
  text,
  type Value,
} from './setting.ts';

const MAX_SEQUENCES = 4096;
const BUNDLED_MODEL = 'models/wordle';

export const SETTINGS = {
  model: list(
    'a folder',
    [fileURLToPath(new URL(`../../${BUNDLED_MODEL}`, import.meta.url))],
    BUNDLED_MODEL,
    'A policy to serve, as `qsft export` writes it. Of several, the first is loaded at start and the others when they are asked for.',
  ),
  alias: list(
    'name=id',
    [],
    'none',
    'Another name for a policy.',
    /^[A-Za-z0-9._:/-]{1,128}=[A-Za-z0-9._-]{1,64}$/,
  ),
  memoryBudget: optionalBytes(
    'no limit',
    'Weights and KV caches of all loaded policies together; the least recently used is unloaded for the next.',
  ),
  host: text('an address', '127.0.0.1', 'Address to listen on.'),
  port: integer(0, 65_535, 8000, 'Port to listen on; 0 takes a free one.'),
  apiKeyFile: optionalText(
    'a file',
    'none',
    'API keys, one a line: name, scopes (inference, admin or both with a comma), and the key or sha256: and its hash. Read again at SIGHUP.',
  ),
  apiKey: {
    ...optionalText(
      'at least 16 characters',
      'none',
      'One API key, named default, for everything.',
    ),
    isSecret: true,
  },
  allowUnauthenticated: choice(
    ['off', 'on'],
    'off',
    'Whether a server without keys may listen beyond its own machine.',
  ),
  tlsCert: optionalText(
    'a PEM file',
    'none',
    'Certificate chain; with tls-key, the server speaks HTTPS. Read again at SIGHUP.',
  ),
  tlsKey: optionalText('a PEM file', 'none', 'Private key of the certificate.'),
  corsOrigin: optionalText(
    'origins with commas, or *',
    'none',
    'Web origins whose pages may send requests.',
    /^(\*|[a-z][a-z0-9+.-]*:\/\/[^\s,/]+(, ?[a-z][a-z0-9+.-]*:\/\/[^\s,/]+)*)$/,
  ),
  openMetrics: choice(['off', 'on'], 'off', 'Whether /metrics is readable without a key.'),
  device: text('cpu, cuda, cuda:N', 'cpu', 'Where the models run.', /^(cpu|cuda(:\d+)?)$/),
  ortLibrary: optionalText(
    'a file',
    'that of onnxruntime-node',
    'The libonnxruntime to load; needed for CUDA.',
  ),
  threads: integer(
    0,
    1024,
    0,
    'Threads that both models may use together; 0: as many as the machine, or its container, has cores; for twins and other policies in one graph ONNX Runtime decides.',
  ),
  maxSequences: optionalInteger(
    1,
    MAX_SEQUENCES,
    '32, or what fits',
    'Answers decoded in one batch; each holds a slot of KV cache, or blocks of a paged one. Left out on a CPU, as many as half of the memory holds, at most 32.',
  ),
  kvCacheMemory: optionalBytes(
    'as max-sequences needs',
    'Memory for the KV cache of both models. As many slots as it holds, at most 4096, and then instead of max-sequences; or as many blocks of a paged cache, for max-sequences answers, or at most 256.',
  ),
  maxModelLen: optionalInteger(
    2,
    1_048_576,
    "the policy's",
    'Prompt and answer together, in tokens. Less takes less memory.',
  ),
  prefillChunk: integer(
    2,
    65_536,
    512,
    'Most prompt tokens run between two decode steps, or beside each where the cache is paged.',
  ),
  prefixCache: choice(
    ['prompts', 'answers', 'off'],
    'prompts',
    'What a prompt may reuse of the KV cache where it begins like an earlier one: of its prompt; of its answer as well, which is faster and may change last bits; nothing.',
  ),
  queueLimit: integer(
    1,
    100_000,
    256,
    'Answers that may wait for a slot; more are refused with 429.',
  ),
  queueTokens: integer(
    1,
    1_000_000_000,
    1_048_576,
    'Prompt tokens of answers not begun yet, once some wait for a slot; more are refused with 429.',
  ),
  keyRequests: integer(
    0,
    100_000,
    0,
    'Requests that one API key may have in flight; more are refused with 429. 0 sets no limit.',
  ),
  keyTokensPerMinute: integer(
    0,
    1_000_000_000,
    0,
    'Tokens of prompts and answers that one API key may use a minute; a key that is out of them is refused with 429. 0 sets no limit.',
  ),
  maxRequestSeconds: integer(
    1,
    86_400,
    600,
    'Longest a request may take, in the queue too; the `timeout` of a request may ask for less.',
  ),
  toolParser: choice(
    ['auto', 'hermes', 'llama3_json', 'qwen3_coder', 'none'],
    'auto',
    'The format in which the model calls tools: auto goes by its chat template, with none there are no tools.',
  ),
  maxBeta: integer(0, 1_000_000, 10_000, 'Largest `beta` a request may ask for.'),
  maxConnections: integer(
    1,
    1_000_000,
    4096,
    'Connections open at a time; more are closed at once.',
  ),
  maxHeaderBytes: integer(1024, 1_048_576, 16_384, 'Largest request line and headers.'),
  receiveTimeoutMs: integer(
    100,
    3_600_000,
    60_000,
    'How long the headers and the body of a request may take to arrive.',
  ),
  streamBufferBytes: integer(
    1024,
    1_073_741_824,
    262_144,
    'Most of a stream that its client may leave unread.',
  ),
  slowReaderMs: integer(
    10,
    3_600_000,
    10_000,
    'How long a client may leave that much unread before it loses its stream.',
  ),
  maxBodyBytes: integer(1024, 1_073_741_824, 4_194_304, 'Largest request body.'),
  maxBodyValues: integer(
    100,
    100_000_000,
    131_072,
    "Most values in a request's JSON: texts, numbers, lists, objects.",
  ),
  maxPromptChars: integer(
    1,
    100_000_000,
    65_536,
    'Most characters in the prompts of a request, or in one that a chat template makes.',
  ),
  maxMessages: integer(1, 1_000_000, 2048, 'Most messages, or items, of a conversation.'),
  maxTools: integer(1, 100_000, 128, 'Most tools that a conversation may offer.'),
  maxLogprobs: integer(0, 1000, 20, 'Most alternatives per token that `logprobs` may ask for.'),
  maxN: integer(
    1,
    10_000,
    128,
    'Most answers a request may ask for: prompts times `n` or `best_of`; and most continuations to score or texts to choose among.',
  ),
  maxStopStrings: integer(1, 1000, 4, 'Most strings in `stop`.'),
  maxStopChars: integer(1, 65_536, 256, 'Most characters in a stop string or one of `bad_words`.'),
  maxTokenIds: integer(
    1,
    1_000_000,
    1024,
    'Most tokens in `logit_bias`, `stop_token_ids` or `allowed_token_ids`, and most strings in `bad_words`.',
  ),
  maxTemplateChars: integer(1, 10_000_000, 262_144, 'Longest chat template that is loaded.'),
  maxTemplateSteps: integer(
    1,
    1_000_000_000,
    250_000,
    'Most steps that a chat template may take for a conversation: nodes evaluated, and pieces of 64 characters made.',
  ),
  templateTimeoutMs: integer(
    1,
    600_000,
    2000,
    'How long a chat template may take for a conversation; nobody else is served meanwhile.',
  ),
  maxTemplateVariables: integer(0, 1000, 16, 'Most entries in `chat_template_kwargs`.'),
  vllmMetrics: choice(
    ['on', 'off'],
    'on',
    "Whether /metrics also has vLLM's core metrics, by vLLM's names.",
  ),
  drainDelayMs: integer(
    0,
    600_000,
    0,
    'How long requests are still taken after SIGTERM, while readiness already says no: load balancers need a moment to notice.',
  ),
  maxGrammarChars: integer(
    1,
    10_000_000,
    65_536,
    'Most characters in a schema, regular expression or grammar that an answer must follow.',
  ),
  maxNesting: integer(
    1,
    1000,
    64,
    'Deepest nesting of a schema, of the parameters of a tool, and of groups in a regular expression.',
  ),
  maxRepetitions: integer(
    1,
    10_000_000,
    10_000,
    'Most copies of a part of a regular expression that its counted repetitions make.',
  ),
  grammarTimeoutMs: integer(
    1,
    600_000,
    10_000,
    'How long a schema, regular expression or grammar may take to compile; longer ones are refused.',
  ),
  grammarQueueLimit: integer(
    1,
    100_000,
    32,
    'Schemas, regular expressions and grammars that may wait to be compiled, of each policy; more are refused with 429.',
  ),
  otlpEndpoint: {
    ...optionalText(
      'an http or https URL',
      'no traces',
      'OpenTelemetry collector to send traces to, over OTLP/HTTP; also taken from OTEL_EXPORTER_OTLP_ENDPOINT.',
      /^https?:\/\/\S+$/,
    ),
    alias: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
  },
  shutdownTimeoutMs: integer(
    0,
    3_600_000,
    30_000,
    'How long running answers may take to finish after SIGTERM.',
  ),
  logLevel: choice(
    ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    'info',
    'Least severe level that is logged.',
  ),
} satisfies Record<string, Setting<Value>>;

export type SettingName = keyof typeof SETTINGS;

export type Config = { readonly [Name in SettingName]: (typeof SETTINGS)[Name]['default'] };

export function settingNames(): SettingName[] {
  return Object.keys(SETTINGS) as SettingName[];
}

export function isSecret(name: SettingName): boolean {
  const setting: Setting<Value> = SETTINGS[name];
  return setting.isSecret === true;
}

export function flagName(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function environmentName(name: SettingName): string {
  return `QSFT_${flagName(name).replaceAll('-', '_').toUpperCase()}`;
}
