// Probes. Live: the process answers. Startup: its first policy has been loaded. Ready, or health or ping as others call it: send it
// requests.
import type { Context } from 'hono';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Drain } from '../drain.ts';

export function live(context: Context): Response {
  return context.json({ status: 'live' });
}

export function startup(catalog: Catalog) {
  return (context: Context): Response =>
    catalog.isHealthy === null
      ? context.json({ status: 'starting' }, 503)
      : context.json({ status: 'started' });
}

export function ready(catalog: Catalog, drain: Drain) {
  return (context: Context): Response => {
    if (drain.isDraining) return context.json({ status: 'shutting_down' }, 503);
    if (catalog.isHealthy === null) return context.json({ status: 'starting' }, 503);
    if (!catalog.isHealthy) return context.json({ status: 'engine_failed' }, 503);
    return context.json({ status: 'ready' });
  };
}
