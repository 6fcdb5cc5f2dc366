// A server of the policy that spells JSON and calls of tools in Llama's format, with random weights: what is legal is the
// grammar's, what of it is said is the policy's.
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import { jsonPolicy } from '../policy/json-policy.ts';

export interface JsonServer extends ServerProcess {
  /** Ends it and removes the policy's folder. */
  end(): Promise<void>;
}

export async function startJsonServer(): Promise<JsonServer> {
  const policy = jsonPolicy(`{% if tools %}{"parameters": {% endif %}{{ messages[0].content }}`);
  const server = await startServerProcess([
    ...['--model', policy.folder, '--threads', '1', '--max-sequences', '4'],
    ...['--tool-parser', 'llama3_json'],
  ]);
  const end = async () => {
    await server.stop('SIGKILL');
    policy.remove();
  };
  return { ...server, end };
}
