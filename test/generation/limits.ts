// Limits as a server has them that was told nothing.
import { SETTINGS } from '../../src/config/settings.ts';
import type { FormatLimits } from '../../src/constraint/format-limits.ts';
import type { TemplateLimits } from '../../src/generation/bounded-interpreter.ts';

export const FORMAT_LIMITS: FormatLimits = {
  maxNesting: SETTINGS.maxNesting.default,
  maxRepetitions: SETTINGS.maxRepetitions.default,
};

export const TEMPLATE_LIMITS: TemplateLimits = {
  maxSteps: SETTINGS.maxTemplateSteps.default,
  timeoutMs: SETTINGS.templateTimeoutMs.default,
};

export const MAX_TEMPLATE_CHARS = SETTINGS.maxTemplateChars.default;
