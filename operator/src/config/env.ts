/** Environment variables as typed values; every problem names the variable and how to mend it. */

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ListenAddress {
  host: string;
  port: number;
}

export function optional(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

export function text(env: Environment, name: string): string {
  const value = optional(env, name);
  if (value === undefined) throw new ConfigError(`${name} is not set`);
  return value;
}

export function oneOf<T extends string>(env: Environment, name: string, values: readonly T[], fallback: T): T {
  const value = optional(env, name) ?? fallback;
  const known = values.find((each) => each === value);
  if (known === undefined) throw new ConfigError(`${name} is ${value}: use one of ${values.join(', ')}`);
  return known;
}

export function integer(env: Environment, name: string, fallback: number, range: { min: number; max: number }): number {
  const value = optional(env, name);
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < range.min || number > range.max) {
    throw new ConfigError(`${name} is ${value}: use a whole number from ${range.min} to ${range.max}`);
  }
  return number;
}

/** `[::]:8443`, `127.0.0.1:0`. */
export function listenAddress(env: Environment, name: string, fallback: string): ListenAddress {
  const value = optional(env, name) ?? fallback;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\]]+)):(\d{1,5})$/.exec(value);
  if (!match || Number(match[3]) > 65_535) throw new ConfigError(`${name} is ${value}: use ADDRESS:PORT, for example ${fallback}`);
  return { host: (match[1] ?? match[2])!, port: Number(match[3]) };
}

/** Without a trailing slash. */
export function httpsUrl(env: Environment, name: string, fallback: string): string {
  const value = optional(env, name) ?? fallback;
  if (!URL.canParse(value) || new URL(value).protocol !== 'https:') {
    throw new ConfigError(`${name} is ${value}: use an https URL, for example ${fallback}`);
  }
  return value.replace(/\/$/, '');
}

/** Values separated by commas. */
export function list(env: Environment, name: string): string[] {
  return (optional(env, name) ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
