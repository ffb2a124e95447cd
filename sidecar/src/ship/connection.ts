/** How a Kafka cluster is reached: plain data, and what kafkajs makes of it. Secrets stay in files, read at every connect so that a rotation needs no restart. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { ShipError } from './error.js';
import { CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from './limits.js';

export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface KafkaConnection {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly sasl?: { readonly mechanism: SaslMechanism; readonly username: string; readonly passwordFile: string } | undefined;
  /** Present: TLS, verified strictly against `caFile` (PEM), else against the public roots. A client certificate where both files are named. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
}

/** Reads the files that the connection names. Throws ShipError `config`. */
export function kafkaConfig(connection: KafkaConnection, clientId: string): KafkaConfig {
  if (connection.brokers.length === 0) throw new ShipError('config', 'no Kafka brokers are named: give at least one as host:port');
  const config: KafkaConfig = {
    clientId,
    brokers: [...connection.brokers],
    connectionTimeout: CONNECT_TIMEOUT_MS,
    authenticationTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
  };
  if (connection.tls) config.ssl = tlsOptions(connection.tls);
  if (connection.sasl) config.sasl = saslOptions(connection.sasl);
  return config;
}

function tlsOptions(tls: NonNullable<KafkaConnection['tls']>): ConnectionOptions {
  const options: ConnectionOptions = { rejectUnauthorized: true };
  if (tls.caFile) options.ca = [fileOf(tls.caFile, 'the CA of the Kafka brokers')];
  if (tls.certFile) options.cert = fileOf(tls.certFile, 'the Kafka client certificate');
  if (tls.keyFile) options.key = fileOf(tls.keyFile, 'the key of the Kafka client certificate');
  return options;
}

function saslOptions({ mechanism, username, passwordFile }: NonNullable<KafkaConnection['sasl']>): SASLOptions {
  // An editor's newline at the end of a mounted secret is not part of the password.
  const password = fileOf(passwordFile, 'the Kafka password').replace(/\r?\n$/, '');
  return { mechanism, username, password };
}

function fileOf(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ShipError('config', `${what} cannot be read from ${path}: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}
