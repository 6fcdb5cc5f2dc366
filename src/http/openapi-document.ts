// The API as an OpenAPI 3.2 document, from the same schemas that check requests.
import { VERSION } from '../version.ts';
import type { Limits } from './limits.ts';
import {
  answering,
  errors,
  exchange,
  json,
  jsonSchema,
  probe,
  textObject,
} from './openapi-operations.ts';
import { chatRequestSchema } from './schema/chat-request.ts';
import { chatChunkSchema, chatCompletionSchema } from './schema/chat-response.ts';
import { completionRequestSchema } from './schema/completion-request.ts';
import { completionChunkSchema, completionSchema } from './schema/completion-response.ts';
import { errorBodySchema } from './schema/error-body.ts';
import { inputTokensRequestSchema, inputTokensSchema } from './schema/input-tokens.ts';
import { modelListSchema, modelSchema } from './schema/model-response.ts';
import { responseEventSchema, responseSchema } from './schema/responses-object.ts';
import { responsesRequestSchema } from './schema/responses-request.ts';
import { scoreRequestSchema, scoreResponseSchema } from './schema/score-messages.ts';
import {
  detokenizeRequestSchema,
  detokenizeResponseSchema,
  tokenizeRequestSchema,
  tokenizeResponseSchema,
} from './schema/tokenizer-messages.ts';

export function openApiDocument(limits: Limits): object {
  return {
    openapi: '3.2.0',
    info: {
      title: 'qsft-server',
      version: VERSION,
      description:
        "OpenAI's completions API over policies trained with Q-SFT: behavior · exp(beta · q), with beta chosen by each request. Fields the server does not know are ignored and named in the response header `x-ignored-fields`; in the server's own objects and routes (`qsft`, /v1/score) they are refused.",
      license: { name: 'MIT', identifier: 'MIT' },
    },
    security: [{}, { key: [] }],
    servers: [{ url: 'http://127.0.0.1:8000' }],
    paths: {
      '/v1/completions': answering('createCompletion', 'Continue a text.', [
        'CompletionRequest',
        'Completion',
        'CompletionChunk',
      ]),
      '/v1/chat/completions': answering('createChatCompletion', 'Answer a conversation.', [
        'ChatCompletionRequest',
        'ChatCompletion',
        'ChatCompletionChunk',
      ]),
      '/v1/responses': answering('createResponse', 'Answer a conversation, as items.', [
        'ResponseRequest',
        'Response',
        'ResponseEvent',
      ]),
      '/v1/responses/input_tokens': exchange(
        'countInputTokens',
        "How many tokens a response's request is, without answering it.",
        ['InputTokensRequest', 'InputTokens'],
        [400, 401, 403, 404, 413, 429, 503, 504],
      ),
      '/v1/score': exchange(
        'createScore',
        "Rate given continuations of one prompt: the policy's log-probability, and what each model says, token by token.",
        ['ScoreRequest', 'Score'],
        [400, 401, 403, 404, 413, 429, 500, 503, 504],
      ),
      '/tokenize': exchange(
        'tokenize',
        'Text to token ids.',
        ['TokenizeRequest', 'Tokens'],
        [400, 401, 403, 404, 413, 429, 503, 504],
      ),
      '/detokenize': exchange(
        'detokenize',
        'Token ids to text.',
        ['DetokenizeRequest', 'TokensText'],
        [400, 401, 403, 404, 413, 429, 503, 504],
      ),
      '/tokenizer_info': {
        get: {
          operationId: 'tokenizerInfo',
          summary: "The policy's tokenizer.",
          parameters: [
            {
              name: 'model',
              in: 'query',
              description: 'Which policy; the first where left out.',
              schema: { type: 'string' },
            },
          ],
          responses: {
            200: {
              description: 'What its tokenizer_config.json has.',
              content: { 'application/json': { schema: { type: 'object' } } },
            },
            ...errors(401, 403, 404, 429, 503),
          },
        },
      },
      '/v1/models': {
        get: {
          operationId: 'listModels',
          summary: 'The policies this server has.',
          responses: { 200: { description: 'The policies.', content: json('ModelList') } },
        },
      },
      '/v1/models/{id}': {
        get: {
          operationId: 'getModel',
          summary: 'One policy.',
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          responses: {
            200: { description: 'The policy.', content: json('Model') },
            ...errors(404),
          },
        },
      },
      '/admin/reload': {
        post: {
          operationId: 'reload',
          summary:
            'Load the policies from their folders again; what runs finishes on the old ones.',
          responses: {
            200: { description: 'The policies.', content: json('ModelList') },
            ...errors(401, 403, 503),
          },
        },
      },
      '/health': probe(
        'health',
        'The same as /health/ready, by the name it has elsewhere.',
        [200, 503],
      ),
      '/health/live': probe('live', 'Whether the process answers.', [200]),
      '/health/ready': probe('ready', 'Whether to send it requests.', [200, 503]),
      '/health/startup': probe('startup', 'Whether it has started.', [200, 503]),
      '/ping': {
        ...probe('ping', 'The same, by the name SageMaker has for it.', [200, 503]),
        post: probe('postPing', 'The same.', [200, 503]).get,
      },
      '/metrics': {
        get: {
          operationId: 'metrics',
          summary: 'Measurements for Prometheus.',
          responses: {
            200: {
              description: "Prometheus' text format.",
              content: { 'text/plain': { schema: { type: 'string' } } },
            },
          },
        },
      },
      '/version': {
        get: {
          operationId: 'version',
          summary: 'Which version of the server this is.',
          responses: {
            200: {
              description: 'The version.',
              content: { 'application/json': { schema: textObject('version') } },
            },
          },
        },
      },
      '/openapi.json': {
        get: {
          operationId: 'openapi',
          summary: 'This document.',
          responses: {
            200: {
              description: 'OpenAPI 3.2.',
              content: { 'application/json': { schema: { type: 'object' } } },
            },
          },
        },
      },
    },
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description:
            'Where the server has keys, every route but the probes needs one: of scope admin for /metrics, inference for what uses the policy.',
        },
      },
      schemas: {
        CompletionRequest: jsonSchema(completionRequestSchema(limits), 'input'),
        Completion: jsonSchema(completionSchema, 'output'),
        CompletionChunk: jsonSchema(completionChunkSchema, 'output'),
        ResponseRequest: jsonSchema(responsesRequestSchema(limits), 'input'),
        Response: jsonSchema(responseSchema, 'output'),
        ResponseEvent: jsonSchema(responseEventSchema, 'output'),
        InputTokensRequest: jsonSchema(inputTokensRequestSchema(limits), 'input'),
        InputTokens: jsonSchema(inputTokensSchema, 'output'),
        ScoreRequest: jsonSchema(scoreRequestSchema(limits), 'input'),
        Score: jsonSchema(scoreResponseSchema, 'output'),
        TokenizeRequest: jsonSchema(tokenizeRequestSchema(limits), 'input'),
        Tokens: jsonSchema(tokenizeResponseSchema, 'output'),
        DetokenizeRequest: jsonSchema(detokenizeRequestSchema(limits), 'input'),
        TokensText: jsonSchema(detokenizeResponseSchema, 'output'),
        ChatCompletionRequest: jsonSchema(chatRequestSchema(limits), 'input'),
        ChatCompletion: jsonSchema(chatCompletionSchema, 'output'),
        ChatCompletionChunk: jsonSchema(chatChunkSchema, 'output'),
        Model: jsonSchema(modelSchema, 'output'),
        ModelList: jsonSchema(modelListSchema, 'output'),
        Error: jsonSchema(errorBodySchema, 'output'),
      },
    },
  };
}
