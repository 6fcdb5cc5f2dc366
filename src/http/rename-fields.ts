// Generation names fields as /v1/completions does; other routes have other names for the same things.
import { ServerError } from '../errors.ts';

/** Runs `action`; a ServerError about a field in `names` is thrown again in the route's own words. */
export async function renameFields<T>(
  names: Readonly<Record<string, string>>,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof ServerError) || error.param === null) throw error;
    const name = names[error.param];
    if (name === undefined || name === error.param) throw error;
    // Only the field's own name: "the prompt has 70 tokens" is plain English.
    const message = error.message
      .replace(new RegExp(`^${error.param}\\b`), name)
      .replace(` ${error.param} asks `, ` ${name} asks `);
    throw new ServerError(error.code, message, { param: name, cause: error });
  }
}
