// Compiled grammars, and one matcher for each text that follows one. After any exception it must not be used again.
import { MaskWriter } from '../policy/token-mask.ts';
import { spellClasses } from './character-classes.ts';
import type { GrammarVocabulary } from './messages.ts';
import type { TextFormat } from './text-format.ts';
import type { CompiledGrammar, GrammarMatcher, XGrammar } from './xgrammar.ts';

/** Grammars kept compiled, those of running texts aside. */
const MAX_COMPILED = 64;

interface Text {
  readonly matcher: GrammarMatcher;
  readonly writer: MaskWriter;
}

type Compiler = Awaited<ReturnType<XGrammar['GrammarCompiler']['createGrammarCompiler']>>;

export class GrammarEngine {
  readonly #xgrammar: XGrammar;
  readonly #compiler: Compiler;
  /** By format, the least recently used first. */
  readonly #compiled = new Map<string, CompiledGrammar>();
  readonly #texts = new Map<number, Text>();

  private constructor(xgrammar: XGrammar, compiler: Compiler) {
    this.#xgrammar = xgrammar;
    this.#compiler = compiler;
  }

  static async create(
    xgrammar: XGrammar,
    { encoding, tokens, eosTokenIds }: GrammarVocabulary,
  ): Promise<GrammarEngine> {
    const { TokenizerInfo, GrammarCompiler } = xgrammar;
    const count = tokens.length;
    const info = await TokenizerInfo.createTokenizerInfo([...tokens], encoding, false, count, [
      ...eosTokenIds,
    ]);
    return new GrammarEngine(xgrammar, await GrammarCompiler.createGrammarCompiler(info, false));
  }

  /** False when no token may be the first: the format has no text that this vocabulary can write. */
  async open(id: number, format: TextFormat, board: SharedArrayBuffer): Promise<boolean> {
    const compiled = await this.#compile(format);
    const matcher = await this.#xgrammar.GrammarMatcher.createGrammarMatcher(compiled);
    const mask = await matcher.getNextTokenBitmask();
    if (mask.every((word) => word === 0)) {
      matcher.dispose();
      return false;
    }
    const writer = new MaskWriter(board);
    writer.publish(mask);
    this.#texts.set(id, { matcher, writer });
    return true;
  }

  close(id: number): void {
    this.#texts.get(id)?.matcher.dispose();
    this.#texts.delete(id);
  }

  /** Writes the masks that follow the tokens drawn since. */
  async advance(): Promise<void> {
    for (const { matcher, writer } of [...this.#texts.values()]) {
      const token = writer.takeToken();
      if (token === null) continue;
      if (!matcher.acceptToken(token)) throw new Error(`token ${token} was not allowed`);
      writer.publish(await matcher.getNextTokenBitmask());
    }
  }

  async #compile(format: TextFormat): Promise<CompiledGrammar> {
    const key = JSON.stringify(format);
    const known = this.#compiled.get(key);
    this.#compiled.delete(key);
    const compiled = known ?? (await this.#compileNew(format));
    this.#compiled.set(key, compiled);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > MAX_COMPILED && oldest !== undefined) {
      this.#compiled.get(oldest)?.dispose();
      this.#compiled.delete(oldest);
    }
    return compiled;
  }

  async #compileNew(format: TextFormat): Promise<CompiledGrammar> {
    if (format.type === 'grammar') return this.#compileText(spellClasses(format.grammar));
    const tag = { type: 'structural_tag', format };
    const spelled = JSON.stringify(tag, (key, value) =>
      key === 'grammar' ? spellClasses(value) : value,
    );
    return this.#compiler.compileStructuralTag(spelled);
  }

  /** Given a text, the compiler would read it into a grammar that it then forgets, and no memory of WebAssembly's comes back. */
  async #compileText(text: string): Promise<CompiledGrammar> {
    const grammar = await this.#xgrammar.Grammar.fromEBNF(text);
    try {
      return await this.#compiler.compileGrammar(grammar);
    } finally {
      grammar.dispose();
    }
  }
}
