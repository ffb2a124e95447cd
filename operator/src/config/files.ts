/** The configuration's files: YAML maps and lists, checked. */
import { parseAuditorJwk, auditorPublicKey, type AuditorPublicKey } from '@cairn/audit';
import { parse } from 'yaml';
import { ConfigError } from './env.js';
import { CONFIG_FILE_BYTES, SIDECAR_VARIABLES_COUNT } from './limits.js';

/** Text of a file; throws where it cannot be read. */
export type ReadFile = (file: string) => string;

/** A service account whose objects of these kinds pass a launch on. */
export interface TrustedController {
  /** `namespace/name`. */
  serviceAccount: string;
  kinds: string[];
}

function content(name: string, file: string, read: ReadFile): string {
  let found: string;
  try {
    found = read(file);
  } catch (error) {
    throw new ConfigError(`${name} names ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  if (Buffer.byteLength(found) > CONFIG_FILE_BYTES) throw new ConfigError(`${name}: ${file} has more than ${CONFIG_FILE_BYTES} bytes`);
  return found;
}

function yaml(name: string, file: string, read: ReadFile): unknown {
  try {
    return parse(content(name, file, read), { maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${name}: ${file} is no YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Environment of every sidecar: a map of CAIRN_ variables. */
export function sidecarEnvironment(name: string, file: string, read: ReadFile): Record<string, string> {
  const value = yaml(name, file, read) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new ConfigError(`${name}: ${file} must be a map of variables`);
  const entries = Object.entries(value);
  if (entries.length > SIDECAR_VARIABLES_COUNT)
    throw new ConfigError(`${name}: ${file} has more than ${SIDECAR_VARIABLES_COUNT} variables`);
  for (const [key, each] of entries) {
    if (!/^CAIRN_[A-Z0-9_]+$/.test(key)) throw new ConfigError(`${name}: ${file} has the key ${key}; sidecars take CAIRN_ variables alone`);
    if (typeof each !== 'string') throw new ConfigError(`${name}: ${key} in ${file} is no text; put quotes around it`);
  }
  return Object.fromEntries(entries);
}

function controllerIn(value: unknown): TrustedController | undefined {
  const { serviceAccount, kinds } = (typeof value === 'object' && value !== null ? value : {}) as Partial<TrustedController>;
  const named = typeof serviceAccount === 'string' && /^[a-z0-9-]+\/[a-z0-9.-]+$/.test(serviceAccount);
  const listed = Array.isArray(kinds) && kinds.length > 0 && kinds.every((kind) => typeof kind === 'string' && kind !== '');
  return named && listed ? { serviceAccount, kinds } : undefined;
}

export function trustedControllers(name: string, file: string, read: ReadFile): TrustedController[] {
  const value = yaml(name, file, read) ?? [];
  if (!Array.isArray(value)) throw new ConfigError(`${name}: ${file} must be a list`);
  return value.map((each, index) => {
    const controller = controllerIn(each);
    if (controller) return controller;
    throw new ConfigError(`${name}: entry ${index + 1} of ${file} must be {serviceAccount: NAMESPACE/NAME, kinds: [KIND, ...]}`);
  });
}

/** The public half alone: the operator must not be able to open what it has sealed. */
export function auditorKey(name: string, file: string, read: ReadFile): AuditorPublicKey {
  let jwk: ReturnType<typeof parseAuditorJwk>;
  try {
    jwk = parseAuditorJwk(content(name, file, read));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${name}: ${file}: ${(error as Error).message}`);
  }
  if (jwk.d !== undefined) throw new ConfigError(`${name}: ${file} holds the private key; give the operator the public one alone`);
  return auditorPublicKey(jwk);
}
