// JSON Schema's string formats as regular expressions. Each matches texts of its format only, and those that people write.

const MONTH_DAY =
  '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))';
const LEAP_DAY = '\\d\\d(?:0[48]|[2468][048]|[13579][26])-02-29';
const DATE = `(?:\\d{4}-${MONTH_DAY}|${LEAP_DAY})`;
const TIME =
  '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)';
const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const HOSTNAME = `${LABEL}(?:\\.${LABEL}){0,3}`;
const HEX = '[0-9a-fA-F]';

export const STRING_FORMATS: ReadonlyMap<string, string> = new Map([
  ['date', DATE],
  ['time', TIME],
  ['date-time', `${DATE}T${TIME}`],
  ['duration', 'P(?:\\d{1,9}W|\\d{1,9}D(?:T\\d{1,9}H)?|T\\d{1,9}[HMS])'],
  ['email', `[A-Za-z0-9_+-]{1,32}(?:\\.[A-Za-z0-9_+-]{1,32}){0,3}@${LABEL}(?:\\.${LABEL}){1,3}`],
  ['hostname', HOSTNAME],
  ['ipv4', `${BYTE}(?:\\.${BYTE}){3}`],
  ['ipv6', `(?:${HEX}{1,4}:){7}${HEX}{1,4}`],
  ['uuid', `${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}`],
  [
    'uri',
    `https?://${HOSTNAME}(?::[1-9]\\d{0,3})?(?:/[A-Za-z0-9._~-]*)*(?:\\?[A-Za-z0-9._~=&-]*)?`,
  ],
]);
