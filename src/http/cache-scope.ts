// Who may reuse whose cache: how long a prompt takes tells whether someone sent its beginning before.

/** No two pairs of caller and salt give the same scope. */
export function cacheScope(caller: string | null, salt: string | null): string {
  return JSON.stringify([caller, salt]);
}
