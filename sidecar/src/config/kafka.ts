/** Kafka settings from the environment; without brokers the ledger reads the spool itself. */
import { SASL_MECHANISMS, type KafkaConnection } from '../ship/connection.js';
import { oneOf, optional, text, type Environment } from './env.js';

export function kafkaConnection(env: Environment): KafkaConnection | undefined {
  const brokers = optional(env, 'CAIRN_KAFKA_BROKERS');
  if (brokers === undefined) return undefined;
  const mechanism = optional(env, 'CAIRN_KAFKA_SASL_MECHANISM');
  const files = {
    caFile: optional(env, 'CAIRN_KAFKA_TLS_CA_FILE'),
    certFile: optional(env, 'CAIRN_KAFKA_TLS_CERT_FILE'),
    keyFile: optional(env, 'CAIRN_KAFKA_TLS_KEY_FILE'),
  };
  const tls = Object.fromEntries(Object.entries(files).filter(([, file]) => file !== undefined));
  return {
    brokers: brokers.split(',').map((each) => each.trim()),
    ...(mechanism === undefined
      ? {}
      : {
          sasl: {
            mechanism: oneOf(env, 'CAIRN_KAFKA_SASL_MECHANISM', SASL_MECHANISMS, 'scram-sha-512'),
            username: text(env, 'CAIRN_KAFKA_SASL_USERNAME'),
            passwordFile: text(env, 'CAIRN_KAFKA_SASL_PASSWORD_FILE'),
          },
        }),
    ...(oneOf(env, 'CAIRN_KAFKA_TLS', ['true', 'false'], 'false') === 'true' || Object.keys(tls).length > 0 ? { tls } : {}),
  };
}
