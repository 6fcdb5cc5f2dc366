// Which policy a request asks for, wherever it says so: in fields of its own, in its `qsft` object, or behind the model's
// name ("wordle@beta=8,extraction=entropy"), which is all that some clients let their users write.

import { ServerError } from '../errors.ts';
import type { GenerationRequest } from '../generation/request.ts';
import type { Limits } from './limits.ts';
import type { PolicyFields, QsftFields } from './schema/policy-fields.ts';
import { qsftField } from './schema/policy-fields.ts';

export type PolicyChoice = Pick<GenerationRequest, 'extraction' | 'beta' | 'q' | 'details'>;

export function choosePolicy(body: PolicyFields & { model: string }, limits: Limits): PolicyChoice {
  const { beta, extraction, q } = body;
  const sources = [
    { name: 'the body', fields: { beta, extraction, q } },
    { name: 'qsft', fields: body.qsft ?? {} },
    { name: 'model', fields: fieldsInModel(body.model, limits) },
  ] as const;

  function choose<Name extends keyof QsftFields>(
    field: Name,
  ): NonNullable<QsftFields[Name]> | null {
    const saying = sources.filter(({ fields }) => (fields as QsftFields)[field] != null);
    const [first, second] = saying;
    if (first !== undefined && second !== undefined) {
      const message = `${field} is given twice, in ${first.name} and in ${second.name}: only one may say it.`;
      throw new ServerError('invalid_request', message, { param: field });
    }
    return (first?.fields as QsftFields | undefined)?.[field] ?? null;
  }

  return {
    beta: choose('beta'),
    extraction: choose('extraction'),
    q: choose('q'),
    details: choose('details') ?? false,
  };
}

/** The name alone, as GET /v1/models lists it. */
export function modelId(model: string): string {
  const at = model.indexOf('@');
  return at === -1 ? model : model.slice(0, at);
}

function fieldsInModel(model: string, limits: Limits): QsftFields {
  const id = modelId(model);
  if (id === model) return {};
  const pairs = model.slice(id.length + 1).split(',');
  const fields = Object.fromEntries(pairs.map((pair) => readPair(pair)));
  if (Object.keys(fields).length < pairs.length) {
    const message = 'model has a control twice behind @: only one may say it.';
    throw new ServerError('invalid_request', message, { param: 'model' });
  }
  const result = controlsSchema(limits).safeParse(fields);
  if (result.success) return result.data ?? {};
  const [issue] = result.error.issues;
  const known = 'behind @ it takes beta, extraction, q and details, as in "name@beta=8,q=ratio"';
  const at = issue?.path[0];
  const problem =
    at === undefined
      ? `has ${JSON.stringify(model.slice(id.length, id.length + 60))}: ${known}`
      : `has a ${String(at)} that ${issue?.message}`;
  throw new ServerError('invalid_request', `model ${problem}.`, { param: 'model' });
}

const schemas = new WeakMap<Limits, ReturnType<typeof qsftField>>();

/** Made once for a server's limits: making it takes far longer than reading what is behind @. */
function controlsSchema(limits: Limits): ReturnType<typeof qsftField> {
  const made = schemas.get(limits) ?? qsftField(limits);
  schemas.set(limits, made);
  return made;
}

function readPair(pair: string): [string, unknown] {
  const at = pair.indexOf('=');
  const [name, text] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
  if (name === 'details') return [name, text === 'true' || (text === 'false' ? false : text)];
  if (name !== 'beta') return [name, text];
  const dots = text.indexOf('..');
  if (dots === -1) return [name, readNumber(text)];
  return [name, { start: readNumber(text.slice(0, dots)), end: readNumber(text.slice(dots + 2)) }];
}

/** What is no number stays text, for the schema to refuse. */
function readNumber(text: string): number | string {
  return text === '' || Number.isNaN(Number(text)) ? text : Number(text);
}
