import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shipError, ShipError } from './error.js';

const caused = (own: object, cause?: unknown) => Object.assign(new Error('outer', { cause }), own);

test('the reason is found wherever kafkajs puts it', () => {
  const cases: [ShipError['code'], unknown][] = [
    ['authentication', caused({ name: 'KafkaJSSASLAuthenticationError' })],
    ['authentication', caused({ name: 'KafkaJSNumberOfRetriesExceeded' }, caused({ type: 'SASL_AUTHENTICATION_FAILED' }))],
    ['authorization', caused({}, caused({ type: 'TOPIC_AUTHORIZATION_FAILED' }))],
    ['topic-missing', caused({ type: 'UNKNOWN_TOPIC_OR_PARTITION' })],
    ['too-large', caused({}, caused({ type: 'MESSAGE_TOO_LARGE' }))],
    ['tls', caused({}, caused({}, caused({ code: 'SELF_SIGNED_CERT_IN_CHAIN' })))],
    ['unreachable', caused({ code: 'ECONNREFUSED' })],
  ];
  for (const [code, error] of cases) assert.equal(shipError(error).code, code);
});

test('an error with a name keeps it', () => {
  const error = new ShipError('spool', 'x');
  assert.equal(shipError(error), error);
});
