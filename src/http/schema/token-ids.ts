// Token ids, which come by the ten thousand: zod looks at those alone that are none, for what it says of them.
import { type ListRule, listField } from './collections.ts';
import { integerField, MAX_INT32 } from './fields.ts';

export function tokenIdsField(rule: ListRule) {
  return listField(integerField(0, MAX_INT32), rule, isTokenId);
}

function isTokenId(given: unknown): given is number {
  return Number.isInteger(given) && Number(given) >= 0 && Number(given) <= MAX_INT32;
}
