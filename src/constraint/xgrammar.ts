// XGrammar's WebAssembly build, as this project uses it. The package is a script of another age: loaded as a module it
// exports nothing and leaves itself on the global object, and it wants CommonJS's names to be there.
import { createRequire } from 'node:module';
import type * as xgrammar from '@mlc-ai/web-xgrammar';

export type XGrammar = Pick<
  typeof xgrammar,
  'Grammar' | 'GrammarCompiler' | 'GrammarMatcher' | 'TokenizerInfo'
>;
export type CompiledGrammar = xgrammar.CompiledGrammar;
export type GrammarMatcher = xgrammar.GrammarMatcher;

/** Once a thread. Its complaints go to `complain`: C++ exceptions are compiled out, so it says why and aborts. */
export async function loadXGrammar(complain: (text: string) => void): Promise<XGrammar> {
  const scope: Record<string, unknown> = globalThis as never;
  scope.require = createRequire(import.meta.url);
  scope.__filename = import.meta.filename;
  scope.__dirname = import.meta.dirname;
  console.error = (...words: unknown[]) => complain(words.join(' '));
  await import('@mlc-ai/web-xgrammar');
  return scope.xgrammar as XGrammar;
}
