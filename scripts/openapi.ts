// Writes openapi.yaml from the schemas, for a server with default settings: npm run openapi
import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { readCommandLine } from '../src/config/command-line.ts';
import { openApiDocument } from '../src/http/openapi-document.ts';

const OUTPUT = new URL('../openapi.yaml', import.meta.url);

export function openApiYaml(): string {
  const command = readCommandLine([], {});
  if (command.kind !== 'serve') throw new Error('no flags were given, so the server would start');
  return stringify(openApiDocument(command.config), {
    lineWidth: 100,
    aliasDuplicateObjects: false,
  });
}

if (process.argv[1] === import.meta.filename) await writeFile(OUTPUT, openApiYaml());
