// The response header that names the request fields nobody read, so that a misspelt `temprature` can be found.
const MAX_FIELDS = 20;
const PLAIN_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

export const IGNORED_FIELDS_HEADER = 'x-ignored-fields';

/** Names come from the client: only plain ones are sent back. */
export function ignoredFieldsValue(fields: readonly string[]): string | undefined {
  const plain = fields.filter((field) => PLAIN_NAME.test(field)).slice(0, MAX_FIELDS);
  return plain.length === 0 ? undefined : plain.join(', ');
}
