// The settings in words, for `--help` and for the README.
import { environmentName, flagName, isSecret, SETTINGS, settingNames } from './settings.ts';

export function helpText(): string {
  const lines = settingNames().map((name) => {
    const { range, defaultText, description } = SETTINGS[name];
    const names = isSecret(name)
      ? environmentName(name)
      : `--${flagName(name)} (${environmentName(name)})`;
    return `  ${names}\n      ${description}\n      ${range}; default ${defaultText}\n`;
  });
  return `Usage: qsft-server [check] [flags]\n\nServes Q-SFT policies over OpenAI's API; with check, only says whether it could.\n\n${lines.join('')}`;
}

/** The README's table of settings. */
export function settingsTable(): string {
  const rows = settingNames().map((name) => {
    const { range, defaultText, description } = SETTINGS[name];
    const flag = isSecret(name) ? '–' : `\`--${flagName(name)}\``;
    return `| ${flag} | \`${environmentName(name)}\` | ${defaultText} | ${range} | ${description} |`;
  });
  return [
    '| flag | environment | default | values | meaning |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
