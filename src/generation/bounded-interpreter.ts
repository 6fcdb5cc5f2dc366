// Runs a parsed Jinja template within a budget. Rendering happens on the thread that serves everyone, and a
// template can loop over whatever a request has, so its work is counted and its text is bounded.
import * as jinja from '@huggingface/jinja';

/** A step is a node evaluated, or a piece of text of so many characters made. */
const CHARACTERS_PER_STEP = 64;
const NODES_PER_LOOK = 64;

export interface TemplateLimits {
  readonly maxSteps: number;
  /** For what is slow without being much. */
  readonly timeoutMs: number;
}

export interface RenderLimits extends TemplateLimits {
  /** Of every text that the template makes. */
  readonly maxCharacters: number;
}

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

/** Throws a TemplateRefusal or an Error. */
export function runTemplate(
  template: ParsedTemplate,
  variables: Readonly<Record<string, unknown>>,
  limits: RenderLimits,
): string {
  const environment = new Environment();
  const globals = { ...GLOBALS, range: boundedRange(limits) };
  for (const [name, value] of Object.entries({ ...globals, ...variables })) {
    environment.set(name, value);
  }
  const { value } = new BoundedInterpreter(environment, limits).run(template);
  return typeof value === 'string' ? value : '';
}

class BoundedInterpreter extends Interpreter {
  readonly #limits: RenderLimits;
  readonly #deadline: number;
  #steps = 0;
  #nodes = 0;

  constructor(environment: Environment, limits: RenderLimits) {
    super(environment);
    this.#limits = limits;
    this.#deadline = performance.now() + limits.timeoutMs;
  }

  override evaluate(statement: unknown, environment: Environment): RuntimeValue {
    const result = super.evaluate(statement, environment);
    const length = typeof result.value === 'string' ? result.value.length : 0;
    const { maxCharacters, maxSteps, timeoutMs } = this.#limits;
    if (length > maxCharacters) {
      throw new Error(`it makes a text of more than ${maxCharacters} characters`);
    }
    this.#steps += 1 + length / CHARACTERS_PER_STEP;
    if (this.#steps > maxSteps) throw new Error(`it takes more than ${maxSteps} steps`);
    this.#nodes += 1;
    if (this.#nodes % NODES_PER_LOOK === 0 && performance.now() > this.#deadline) {
      throw new Error(`it takes more than ${timeoutMs} ms`);
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
  strftime_now: (format: string) => formatDate(new Date(), format),
};

function boundedRange({ maxSteps }: RenderLimits) {
  return (first: number, second?: number, step = 1) => {
    const [start, stop] = second === undefined ? [0, first] : [first, second];
    const length = Math.max(0, Math.ceil((stop - start) / step));
    if (!(length <= maxSteps)) throw new Error(`it asks for a range of more than ${maxSteps}`);
    return Array.from({ length }, (_, index) => start + index * step);
  };
}

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
