// From flags and environment to a configuration that can be used. The flag wins.
import { parseArgs } from 'node:util';
import { VERSION } from '../version.ts';
import { helpText } from './describe-settings.ts';
import type { Setting, Value } from './setting.ts';
import {
  type Config,
  environmentName,
  flagName,
  isSecret,
  SETTINGS,
  type SettingName,
  settingNames,
} from './settings.ts';

/** A setting that cannot be used; the message is one sentence for whoever starts the server. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError' as const;
}

export interface Command {
  readonly kind: 'serve' | 'check';
  readonly config: Config;
  /** Of the environment: those that begin like a setting's and are none. */
  readonly unknownVariables: readonly string[];
}

export type CommandLine = Command | { readonly kind: 'tell'; readonly text: string };

export function readCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CommandLine {
  const isCheck = args[0] === 'check';
  const flags = parseFlags(isCheck ? args.slice(1) : args);
  if (flags.help === true) return { kind: 'tell', text: helpText() };
  if (flags.version === true) return { kind: 'tell', text: `${VERSION}\n` };
  const config = Object.fromEntries(
    settingNames().map((name) => [name, resolveSetting(name, flags[flagName(name)], environment)]),
  ) as Config;
  checkTogether(config);
  const unknownVariables = findUnknown(Object.keys(environment));
  return { kind: isCheck ? 'check' : 'serve', config, unknownVariables };
}

function findUnknown(variables: readonly string[]): string[] {
  const known = new Set(settingNames().map(environmentName));
  return variables.filter((name) => name.startsWith('QSFT_') && !known.has(name));
}

function checkTogether(config: Config): void {
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    throw new ConfigError('tls-cert and tls-key go together: only one of them was given.');
  }
  const hasKeys = config.apiKeyFile !== null || config.apiKey !== null;
  if (!hasKeys && config.allowUnauthenticated === 'off' && !isLoopback(config.host)) {
    throw new ConfigError(
      `host is ${config.host}, which others can reach, and there are no API keys: give --api-key-file or QSFT_API_KEY, or --allow-unauthenticated on if that is meant.`,
    );
  }
  if (config.maxN > config.queueLimit) {
    throw new ConfigError(
      `max-n (${config.maxN}) must not exceed queue-limit (${config.queueLimit}): such a request could never be accepted.`,
    );
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host);
}

type Flag = string | string[] | boolean | undefined;

function parseFlags(args: readonly string[]): Record<string, Flag> {
  const names = settingNames().filter((name) => !isSecret(name));
  const options = Object.fromEntries(
    names.map((name) => {
      const { isRepeated = false }: Setting<Value> = SETTINGS[name];
      return [flagName(name), { type: 'string' as const, multiple: isRepeated }];
    }),
  );
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...options,
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
      strict: true,
    });
    return values;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split(/\.\s/)[0] : String(cause);
    throw new ConfigError(`${reason}; --help lists the flags.`, { cause });
  }
}

function resolveSetting(
  name: SettingName,
  flag: Flag,
  environment: Readonly<Record<string, string | undefined>>,
): Value {
  const setting: Setting<Value> = SETTINGS[name];
  if (setting.isRepeated) return resolveList(name, setting, flag, environment);
  const [source, given] =
    typeof flag === 'string'
      ? [`--${flagName(name)}`, flag]
      : fromEnvironment([environmentName(name), ...(setting.alias ?? [])], environment);
  if (given === undefined) return setting.default;
  return parseValue(setting, source, given);
}

function resolveList(
  name: SettingName,
  setting: Setting<Value>,
  flag: Flag,
  environment: Readonly<Record<string, string | undefined>>,
): Value {
  const variable = environment[environmentName(name)];
  const [source, given] = Array.isArray(flag)
    ? [`--${flagName(name)}`, flag]
    : [environmentName(name), variable?.split(',')];
  if (given === undefined) return setting.default;
  return given
    .flatMap((value) => parseValue(setting, source, value))
    .filter((value) => typeof value === 'string');
}

function parseValue(setting: Setting<Value>, source: string, given: string): Value {
  const value = setting.parse(given);
  if (value === undefined) {
    const shown = setting.isSecret === true ? 'something else' : JSON.stringify(given);
    throw new ConfigError(`${source} takes ${setting.range}; ${shown} was given.`);
  }
  return value;
}

/** The first of `names` that is set. */
function fromEnvironment(
  names: readonly [string, ...string[]],
  environment: Readonly<Record<string, string | undefined>>,
): [string, string | undefined] {
  const [own, ...others] = names;
  // OpenTelemetry takes an empty variable for one that is not set.
  const other = others.find((name) => environment[own] === undefined && environment[name]);
  return [other ?? own, environment[other ?? own]];
}
