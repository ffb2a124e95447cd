/** Why evidence does not get to Kafka. Nothing is lost by it: the spool keeps what was not acknowledged. */
export class ShipError extends Error {
  constructor(
    readonly code:
      | 'config'
      | 'unreachable'
      | 'authentication'
      | 'authorization'
      | 'tls'
      | 'topic-missing'
      | 'too-large'
      | 'spool'
      | 'closed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ShipError';
  }
}

interface Caused {
  name?: string;
  type?: string;
  code?: string;
  message?: string;
  cause?: unknown;
}

/** Puts a name and a sentence on what a Kafka client threw: the reason often stands in a cause of a cause. */
export function shipError(error: unknown): ShipError {
  if (error instanceof ShipError) return error;
  const chain: Caused[] = [];
  for (let each = error as Caused | undefined; each && chain.length < 8; each = each.cause as Caused | undefined) chain.push(each);
  const types = chain.map((each) => each.type ?? '');
  const names = chain.map((each) => each.name ?? '');
  const codes = chain.map((each) => each.code ?? '');
  const messages = chain.map((each) => each.message ?? '');
  const last = messages.at(-1) || 'unknown error';
  const options = { cause: error };
  if (names.includes('KafkaJSSASLAuthenticationError') || types.includes('SASL_AUTHENTICATION_FAILED')) {
    return new ShipError('authentication', 'Kafka refused the SASL user or password: check the username and the password file', options);
  }
  if (types.some((type) => type.endsWith('AUTHORIZATION_FAILED'))) {
    return new ShipError('authorization', 'Kafka does not let this user write: grant WRITE and DESCRIBE on the topics', options);
  }
  if (types.includes('UNKNOWN_TOPIC_OR_PARTITION')) {
    return new ShipError('topic-missing', 'a topic does not exist: create the topics with `cairn topics apply`', options);
  }
  if (types.some((type) => type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE')) {
    return new ShipError(
      'too-large',
      'a record is larger than the topic takes: raise max.message.bytes with `cairn topics apply`',
      options,
    );
  }
  const tls = codes.find((code) => /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO|HOSTNAME)/.test(code));
  if (tls) return new ShipError('tls', `the TLS connection to Kafka failed (${tls}): check the CA file and the brokers' names`, options);
  return new ShipError('unreachable', `Kafka cannot be reached: ${last}`, options);
}
