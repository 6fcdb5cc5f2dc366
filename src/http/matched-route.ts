// The route a request is for, by the pattern it is registered with: the number of patterns is bounded, that of paths is not.
import type { Context } from 'hono';
import { routePath } from 'hono/route';

/** Known before the route answers; null where there is none. */
export function matchedRoute(context: Context): string | null {
  const pattern = routePath(context, -1);
  return pattern.endsWith('*') ? null : pattern;
}
