// Tables in Markdown, and the marked places of a document that a command fills in.
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
export async function fillIn(path: string | URL, name: string, text: string): Promise<void> {
  const document = await readFile(path, 'utf8');
  const [opening, closing] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const start = document.indexOf(opening);
  const end = document.indexOf(closing);
  if (start < 0 || end < start) throw new Error(`${path} has no ${opening} … ${closing}.`);
  const before = document.slice(0, start + opening.length);
  await writeFile(path, `${before}\n${text}\n${document.slice(end)}`);
}

/** Such as "2026-11-22, 2 × AMD EPYC 9004, Node 20.19.0". */
export function dateAndMachine(): string {
  const all = cpus();
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${all.length} × ${all[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}`;
}
