// Plain requests to a running server: what its clients' types do not know.
import type { ServerProcess } from '../../scripts/server-process.ts';

// biome-ignore lint/suspicious/noExplicitAny: what the server sends, looked at field by field
export type Reply = any;

/** Of the policy `tiny`, where the body names none. */
export async function postTo(
  { url }: ServerProcess,
  path: string,
  body: object,
): Promise<{ status: number; body: Reply }> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    body: JSON.stringify({ model: 'tiny', ...body }),
  });
  return { status: response.status, body: await response.json() };
}
