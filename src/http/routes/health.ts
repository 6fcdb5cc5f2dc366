// Probes. Live: the process answers. Ready: send it requests.
import type { Context } from 'hono';
import type { Engine } from '../../engine/client.ts';
import type { Drain } from '../drain.ts';

export function live(context: Context): Response {
  return context.json({ status: 'live' });
}

export function ready(engine: Engine, drain: Drain) {
  return (context: Context): Response => {
    if (drain.isDraining) return context.json({ status: 'shutting_down' }, 503);
    if (!engine.healthy) return context.json({ status: 'engine_failed' }, 503);
    return context.json({ status: 'ready' });
  };
}
