// `qsft-server check`: whether the server could be started as it is told to, without serving. Each part by itself, so that
// one mistake does not hide another.
import { createServer } from 'node:net';
import type { NamedPolicy } from './catalog/catalog.ts';
import { checkPolicy } from './catalog/check-policy.ts';
import type { Config } from './config/settings.ts';
import type { PolicyDescription } from './engine/describe-policy.ts';
import { KeyRing } from './http/access/key-ring.ts';
import { listen } from './http/listen.ts';
import { describeCertificate } from './http/tls-files.ts';
import { createLogger } from './log.ts';
import { type Parts, wire } from './wire.ts';

/** Says what it found, and gives the exit code. */
export async function check(config: Config, say: (line: string) => void): Promise<number> {
  let exitCode = 0;
  const look = async (what: string, find: () => string | Promise<string>): Promise<void> => {
    try {
      say(`${what}: ${await find()}`);
    } catch (error) {
      exitCode = 1;
      say(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  await look('address', () => describeAddress(config.host));
  await look('keys', () => describeKeys(config));
  await look('TLS', () => describeTls(config));
  const policies: [PolicyDescription, Parts['open']][] = [];
  await look('policies', () => {
    const { catalog, open } = wire(config, createLogger('silent'));
    const names = catalog.list();
    for (const { name, description } of names) {
      if (name === description.manifest.id) policies.push([description, open]);
    }
    return names.map(describeName).join(', ');
  });
  for (const [description, open] of policies) {
    await look(description.manifest.id, () => checkPolicy(description, open));
  }
  return exitCode;
}

/** Any port: that of a server that runs already is taken. */
async function describeAddress(host: string): Promise<string> {
  const server = createServer();
  await listen(server, host, 0);
  server.close();
  return `${host} is of this machine`;
}

function describeKeys({ apiKeyFile: file, apiKey: key, host }: Config): string {
  const callers = new KeyRing({ file, key }).callers;
  if (callers.length === 0) return `none: whoever reaches ${host} may do everything`;
  return callers.map(({ name, scopes }) => `${name} (${[...scopes].join(', ')})`).join(', ');
}

function describeTls({ tlsCert, tlsKey }: Config): string {
  return tlsCert === null || tlsKey === null
    ? 'none: plain HTTP'
    : describeCertificate({ cert: tlsCert, key: tlsKey });
}

function describeName({ name, description }: NamedPolicy): string {
  const { id } = description.manifest;
  return name === id ? name : `${name} (another name for ${id})`;
}
