// The settings in words, for `--help` and for the README.
import type { Setting, Value } from './setting.ts';
import {
  environmentName,
  flagName,
  isSecret,
  SETTINGS,
  type SettingName,
  settingNames,
} from './settings.ts';

export function helpText(): string {
  const lines = settingNames().map((name) => {
    const { defaultText, description } = SETTINGS[name];
    const names = isSecret(name)
      ? environmentName(name)
      : `--${flagName(name)} (${environmentName(name)})`;
    return `  ${names}\n      ${description}\n      ${valuesOf(name)}; default ${defaultText}\n`;
  });
  return `Usage: qsft-server [check] [flags]\n       qsft-server --version\n\nServes Q-SFT policies over OpenAI's API; with check, only says whether it could.\n\n${lines.join('')}`;
}

/** The README's table of settings. */
export function settingsTable(): string {
  const rows = settingNames().map((name) => {
    const { defaultText, description } = SETTINGS[name];
    const flag = isSecret(name) ? '–' : `\`--${flagName(name)}\``;
    return `| ${flag} | \`${environmentName(name)}\` | ${defaultText} | ${valuesOf(name)} | ${description} |`;
  });
  return [
    '| flag | environment | default | values | meaning |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function valuesOf(name: SettingName): string {
  const { range, isRepeated = false }: Setting<Value> = SETTINGS[name];
  return isRepeated ? `${range}, repeatable` : range;
}
