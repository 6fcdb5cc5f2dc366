// What a request is told whose route is not there: most have a /v1 too few or too many, or a slash.
import { ServerError } from '../errors.ts';

interface Route {
  readonly method: string;
  readonly path: string;
}

export function noSuchRoute({ method, path }: Route, routes: readonly Route[]): ServerError {
  const nearest = findNearest(path, routes);
  const advice =
    nearest === undefined
      ? 'GET /openapi.json has the routes.'
      : `did you mean ${nearest.method} ${nearest.path}?`;
  const shown = `${method} ${path.slice(0, 200)}`;
  return new ServerError('route_not_found', `There is no ${shown}: ${advice}`);
}

/** One whose path is the end of the wanted, or has it as its end. */
function findNearest(path: string, routes: readonly Route[]): Route | undefined {
  const wanted = path.toLowerCase().replace(/\/+/g, '/').replace(/\/$/, '');
  if (wanted === '') return undefined;
  return routes.find(
    (route) =>
      route.method !== 'ALL' && (route.path.endsWith(wanted) || wanted.endsWith(route.path)),
  );
}
