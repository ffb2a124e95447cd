/** Reads one environment variable after another into typed values; every problem names the variable and how to mend it. */

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ListenAddress {
  host: string;
  port: number;
}

export function text(env: Environment, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new ConfigError(`${name} is not set`);
  return value;
}

export function optional(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

export function oneOf<T extends string>(env: Environment, name: string, values: readonly T[], fallback: T): T {
  const value = optional(env, name) ?? fallback;
  if (!(values as readonly string[]).includes(value)) throw new ConfigError(`${name} is ${value}: use one of ${values.join(', ')}`);
  return value as T;
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

/** `127.0.0.1:15002`, `[::]:15001`. */
export function listenAddress(env: Environment, name: string, fallback: string): ListenAddress {
  const address = parseAddress(optional(env, name) ?? fallback);
  if (!address) throw new ConfigError(`${name} is ${env[name]}: use ADDRESS:PORT, for example ${fallback}`);
  return address;
}

export function parseAddress(value: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\]]+)):(\d{1,5})$/.exec(value);
  if (!match || Number(match[3]) > 65_535) return undefined;
  return { host: (match[1] ?? match[2])!, port: Number(match[3]) };
}

export function ports(env: Environment, name: string): number[] {
  const value = optional(env, name);
  if (value === undefined) return [];
  return value.split(',').map((each) => {
    const port = Number(each);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new ConfigError(`${name} holds ${each}: use ports separated by commas`);
    return port;
  });
}

/** `orders=127.0.0.1:15101,crm=127.0.0.1:15102`. */
export function namedAddresses(env: Environment, name: string): Map<string, ListenAddress> {
  const addresses = new Map<string, ListenAddress>();
  for (const each of (optional(env, name) ?? '').split(',')) {
    if (each === '') continue;
    const [target, listen, more] = each.split('=');
    const address = listen === undefined || more !== undefined ? undefined : parseAddress(listen);
    if (!target || !address) throw new ConfigError(`${name} holds ${each}: use TARGET=ADDRESS:PORT separated by commas`);
    addresses.set(target, address);
  }
  return addresses;
}
