// Who may reuse whose cache: how long a prompt takes tells whether someone sent its beginning before.

/** No two pairs of key and salt give the same scope. */
export function cacheScope(apiKey: string | null, salt: string | null): string {
  return JSON.stringify([apiKey, salt]);
}
