// The application with a policy that talks: every byte is a token, and a template that shows all it is given.
import type { SequenceInput } from '../../src/engine/client.ts';
import { type ChatCompletion, chatCompletionSchema } from '../../src/http/schema/chat-response.ts';
import { byteLevelTokenizer } from '../generation/tokenizers.ts';
import type { ScriptedAnswer } from './scripted-engine.ts';
import { type TestApp, type TestAppOptions, testApp } from './test-app.ts';

export const TEMPLATE = `{%- if tools %}[tools]{% for tool in tools %}{{ tool | tojson }}{% endfor %}
{% endif %}
{%- for message in messages %}
[{{ message.role }}]{{ message.content }}
{%- for call in message.tool_calls or [] %}<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>{% endfor %}
{%- if message.tool_call_id %}({{ message.tool_call_id }}){% endif %}

{% endfor %}
{%- if add_generation_prompt %}[assistant]{% endif %}`;

export const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather now.',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
} as const;

export const WEATHER_CALL =
  '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Bonn"}}\n</tool_call>';

export interface ChatApp extends TestApp {
  chat(body: object): Promise<Response>;
  /** A request that must succeed, and its body checked against the documented shape. */
  reply(body: object): Promise<ChatCompletion>;
  /** The prompts the engine got, as text. */
  prompts(): string[];
}

/** `answers`: the text of each answer, or how to answer a prompt. */
export function chatApp(
  answers: readonly (string | ScriptedAnswer)[] | ((prompt: string) => string),
  options: TestAppOptions = {},
): ChatApp {
  const tokenizer = options.tokenizer ?? byteLevelTokenizer();
  const prompt = ({ promptIds }: SequenceInput) => tokenizer.decode(promptIds);
  const app = testApp(
    typeof answers === 'function'
      ? (input) => said(answers(prompt(input)))
      : answers.map((answer) => (typeof answer === 'string' ? said(answer) : answer)),
    {
      tokenizer,
      template: TEMPLATE,
      maxLength: 4096,
      ...options,
      limits: { maxBodyBytes: 65_536, maxPromptChars: 3000, ...options.limits },
    },
  );
  const chat = async (body: object): Promise<Response> =>
    app.app.request('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: 'Hi' }],
        ...body,
      }),
    });
  return {
    ...app,
    chat,
    reply: async (body) => chatCompletionSchema.strict().parse(await (await chat(body)).json()),
    prompts: () => app.submitted.map(prompt),
  };
}

export function said(text: string, end: ScriptedAnswer['end'] = 'eos'): ScriptedAnswer {
  return { tokens: [...text], end };
}
