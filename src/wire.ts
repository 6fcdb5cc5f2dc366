// Puts the policies of a configuration together with what measures and logs them: for serving, and for checking.
import { Catalog } from './catalog/catalog.ts';
import { openPolicy } from './catalog/open-policy.ts';
import type { ServedPolicy } from './catalog/served-policy.ts';
import type { Config } from './config/settings.ts';
import { describePolicy, type PolicyDescription } from './engine/describe-policy.ts';
import type { EngineOptions } from './engine/options.ts';
import { TokenQuota } from './engine/token-quota.ts';
import type { Logger } from './log.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';

export interface Parts {
  readonly catalog: Catalog;
  readonly metrics: Metrics;
  readonly open: (description: PolicyDescription) => Promise<ServedPolicy>;
}

/** Throws one sentence for policies that cannot be served together. */
export function wire(config: Config, logger: Logger): Parts {
  const tokenQuota = new TokenQuota(config.keyTokensPerMinute);
  const open: Parts['open'] = ({ folder, manifest }) => {
    logger.info({ model: manifest.id, folder }, 'loading');
    const measured = metrics.of(manifest.id);
    return openPolicy({
      engine: engineOptions(config, folder),
      tokenQuota,
      maxRequestMs: config.maxRequestSeconds * 1000,
      toolParser: config.toolParser,
      maxPromptChars: config.maxPromptChars,
      maxTemplateChars: config.maxTemplateChars,
      templateLimits: { maxSteps: config.maxTemplateSteps, timeoutMs: config.templateTimeoutMs },
      formatLimits: { maxNesting: config.maxNesting, maxRepetitions: config.maxRepetitions },
      grammarTimeoutMs: config.grammarTimeoutMs,
      grammarQueueLimit: config.grammarQueueLimit,
      observer: measured,
      onStep: (report) => {
        measured.stepTaken(report);
        if (report.error !== undefined)
          logger.error({ error: report.error }, 'a step of the model failed');
      },
      onHealth: (change) => {
        if (change.healthy) {
          measured.engineRestarted();
          logger.info({ folder }, 'the engine serves again');
        } else {
          const { cause, restartMs } = change;
          logger.error(
            { folder, err: cause, restartMs },
            'the engine is dead and will be restarted',
          );
        }
      },
    });
  };
  const describe = (folder: string) => describePolicy(engineOptions(config, folder));
  const catalog = new Catalog({
    policies: config.model.map(describe),
    aliases: config.alias.map(readAlias),
    memoryBudgetBytes: config.memoryBudget,
    queueLimit: config.queueLimit,
    describe,
    open,
    onChange: ({ manifest: { id }, folder }, change) => {
      if (change instanceof Error) logger.error({ model: id, folder, err: change }, 'not loaded');
      else logger.info({ model: id, folder }, change);
    },
  });
  const metrics = createMetrics(
    () => catalog.loads,
    config.vllmMetrics === 'on' ? { reusesPrefixes: config.prefixCache !== 'off' } : null,
  );
  return { catalog, metrics, open };
}

function readAlias(text: string): readonly [alias: string, id: string] {
  const [alias = '', id = ''] = text.split('=');
  return [alias, id];
}

function engineOptions(config: Config, modelFolder: string): EngineOptions {
  return {
    modelFolder,
    device: config.device,
    libraryPath: config.ortLibrary,
    threads: config.threads,
    maxSequences: config.maxSequences,
    kvCacheBytes: config.kvCacheMemory,
    maxLength: config.maxModelLen,
    prefillChunk: config.prefillChunk,
    prefixCache: config.prefixCache,
    queueLimit: config.queueLimit,
    queueTokens: config.queueTokens,
  };
}
