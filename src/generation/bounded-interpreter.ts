// Runs a parsed Jinja template within a budget. Rendering happens on the thread that serves everyone, and a
// template can loop over whatever a request has, so its work is counted and its text is bounded.
import * as jinja from '@huggingface/jinja';

/** Nodes evaluated, and pieces of text of so many characters made; several times what long conversations take. */
const MAX_WORK = 250_000;
const CHARACTERS_PER_UNIT = 64;
const MAX_RANGE = 10_000;

/** For what is slow without being much. */
const MAX_RENDER_MS = 2000;
const NODES_PER_LOOK = 64;

// The package's declarations name their files as Node's resolution does not find them: what is used of it, in its own terms.
interface RuntimeValue {
  readonly value: unknown;
}
interface Environment {
  set(name: string, value: unknown): unknown;
}
interface Interpreter {
  run(template: ParsedTemplate): RuntimeValue;
  evaluate(statement: unknown, environment: Environment): RuntimeValue;
}
const Environment: new () => Environment = jinja.Environment;
const Interpreter: new (environment: Environment) => Interpreter = jinja.Interpreter;
const parse: (tokens: object) => ParsedTemplate = jinja.parse;
const tokenize: (source: string, options: object) => object = jinja.tokenize;

export interface ParsedTemplate {
  readonly type: string;
}

/** Throws an Error that says where the template is wrong. */
export function parseTemplate(source: string): ParsedTemplate {
  // As Transformers sets up Jinja.
  return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
}

/** The template said no, in its own words. */
export class TemplateRefusal extends Error {
  override readonly name = 'TemplateRefusal' as const;
}

/** Throws a TemplateRefusal or an Error; `maxCharacters` bounds every text that the template makes. */
export function runTemplate(
  template: ParsedTemplate,
  variables: Readonly<Record<string, unknown>>,
  maxCharacters: number,
): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) {
    environment.set(name, value);
  }
  const { value } = new BoundedInterpreter(environment, maxCharacters).run(template);
  return typeof value === 'string' ? value : '';
}

class BoundedInterpreter extends Interpreter {
  readonly #maxCharacters: number;
  readonly #deadline = performance.now() + MAX_RENDER_MS;
  #work = 0;
  #nodes = 0;

  constructor(environment: Environment, maxCharacters: number) {
    super(environment);
    this.#maxCharacters = maxCharacters;
  }

  override evaluate(statement: unknown, environment: Environment): RuntimeValue {
    const result = super.evaluate(statement, environment);
    const length = typeof result.value === 'string' ? result.value.length : 0;
    if (length > this.#maxCharacters) {
      throw new Error(`it makes a text of more than ${this.#maxCharacters} characters`);
    }
    this.#work += 1 + length / CHARACTERS_PER_UNIT;
    if (this.#work > MAX_WORK) throw new Error('it takes too many steps');
    this.#nodes += 1;
    if (this.#nodes % NODES_PER_LOOK === 0 && performance.now() > this.#deadline) {
      throw new Error(`it takes more than ${MAX_RENDER_MS} ms`);
    }
    return result;
  }
}

const GLOBALS = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception(message: unknown) {
    throw new TemplateRefusal(String(message).slice(0, 500));
  },
  range(first: number, second?: number, step = 1) {
    const [start, stop] = second === undefined ? [0, first] : [first, second];
    const length = Math.max(0, Math.ceil((stop - start) / step));
    if (!(length <= MAX_RANGE)) throw new Error(`it asks for a range of more than ${MAX_RANGE}`);
    return Array.from({ length }, (_, index) => start + index * step);
  },
  strftime_now: (format: string) => formatDate(new Date(), format),
};

/** The part of Python's strftime that templates use, in the server's time zone and English. */
function formatDate(date: Date, format: string): string {
  const english = (options: Intl.DateTimeFormatOptions) => date.toLocaleString('en-US', options);
  const padded = (value: number) => String(value).padStart(2, '0');
  return format.replace(/%([a-zA-Z%])/g, (directive, letter: string) => {
    switch (letter) {
      case 'Y':
        return String(date.getFullYear());
      case 'm':
        return padded(date.getMonth() + 1);
      case 'd':
        return padded(date.getDate());
      case 'b':
        return english({ month: 'short' });
      case 'B':
        return english({ month: 'long' });
      case 'a':
        return english({ weekday: 'short' });
      case 'A':
        return english({ weekday: 'long' });
      case 'H':
        return padded(date.getHours());
      case 'M':
        return padded(date.getMinutes());
      case 'S':
        return padded(date.getSeconds());
      case '%':
        return '%';
      default:
        return directive;
    }
  });
}
