// From a folder to a policy that serves: its tokenizer and template, its engine, and a first run.

import { createConstraints } from '../constraint/client.ts';
import type { FormatLimits } from '../constraint/format-limits.ts';
import { type HealthChange, startEngine } from '../engine/client.ts';
import type { StepReport } from '../engine/messages.ts';
import type { EngineOptions } from '../engine/options.ts';
import type { TokenQuota } from '../engine/token-quota.ts';
import type { TemplateLimits } from '../generation/bounded-interpreter.ts';
import { createChat } from '../generation/chat.ts';
import { loadChatTemplate } from '../generation/chat-template.ts';
import { createGenerator } from '../generation/generator.ts';
import { grammarVocabulary } from '../generation/grammar-vocabulary.ts';
import type { GenerationObserver } from '../generation/observer.ts';
import { createScorer } from '../generation/scorer.ts';
import { launchTokenizerThread, ThreadedTokenizer } from '../generation/threaded-tokenizer.ts';
import { loadTokenizer } from '../generation/tokenizer.ts';
import type { ToolCallFormat } from '../generation/tool-calls/scanner.ts';
import type { ServedPolicy } from './served-policy.ts';
import { warmUp } from './warm-up.ts';

export interface OpenPolicyOptions {
  readonly engine: EngineOptions;
  /** Shared by all policies of a server. */
  readonly tokenQuota: TokenQuota;
  readonly maxRequestMs: number;
  readonly toolParser: ToolCallFormat | 'auto' | 'none';
  readonly maxPromptChars: number;
  readonly maxTemplateChars: number;
  readonly templateLimits: TemplateLimits;
  readonly formatLimits: FormatLimits;
  /** How long a grammar may take to compile. */
  readonly grammarTimeoutMs: number;
  /** Grammars that may wait to be compiled. */
  readonly grammarQueueLimit: number;
  readonly observer: GenerationObserver;
  readonly onStep: (report: StepReport) => void;
  readonly onHealth: (change: HealthChange) => void;
}

/** Rejects with one sentence when the policy cannot be served. */
export async function openPolicy(options: OpenPolicyOptions): Promise<ServedPolicy> {
  const { modelFolder } = options.engine;
  const { observer, toolParser, maxPromptChars, templateLimits, formatLimits } = options;
  const tokenizer = new ThreadedTokenizer(
    await loadTokenizer(modelFolder),
    launchTokenizerThread,
    observer.textEncoded,
  );
  const template = await loadChatTemplate(modelFolder, tokenizer.config, options.maxTemplateChars);
  const { tokenQuota, maxRequestMs } = options;
  const engine = await startEngine(options.engine, { tokenQuota, maxRequestMs });
  try {
    await warmUp(engine);
    engine.onStep(options.onStep);
    engine.onHealth(options.onHealth);
    const constraints = createConstraints({
      vocabulary: grammarVocabulary(tokenizer.definition, engine.manifest),
      compileTimeoutMs: options.grammarTimeoutMs,
      queueLimit: options.grammarQueueLimit,
      onChange: (change) => observer.constrainedAnswers(change),
    });
    const generator = createGenerator(engine, tokenizer, observer, constraints, formatLimits);
    const stopStrings = engine.manifest.chat?.stop_strings ?? [];
    return {
      engine,
      tokenizer,
      generator,
      scorer: createScorer(engine, tokenizer, observer),
      chat: createChat(generator, tokenizer, {
        ...{ template, toolParser, stopStrings, maxPromptChars, templateLimits, formatLimits },
        maxLength: engine.model.maxLength,
      }),
      close: async () => {
        await Promise.all([engine.close(), constraints.close(), tokenizer.close()]);
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
