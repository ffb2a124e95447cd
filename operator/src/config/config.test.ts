import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateAuditorKey } from '@cairn/audit';
import { operatorConfig, type OperatorConfig } from './config.js';
import { ConfigError } from './env.js';
import { CONFIG_FILE_BYTES, SIDECAR_VARIABLES_COUNT } from './limits.js';

const LEAST = { CAIRN_NAMESPACE: 'cairn-system', CAIRN_POD_NAME: 'cairn-operator-1', CAIRN_SIDECAR_IMAGE: 'cairn/sidecar:1' };

function config(env: Record<string, string>, files: Record<string, string> = {}): OperatorConfig {
  return operatorConfig({ ...LEAST, ...env }, (file) => {
    const found = files[file];
    if (found === undefined) throw Object.assign(new Error('absent'), { code: 'ENOENT' });
    return found;
  });
}

function refusal(env: Record<string, string>, files: Record<string, string> = {}): string {
  try {
    config(env, files);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return assert.fail('it was accepted');
}

test('the least environment is complete', () => {
  const { listen, issuer, webhook, launchSeconds, kubeconfig } = config({});
  assert.deepEqual(listen, {
    service: { host: '::', port: 8443 },
    admission: { host: '::', port: 9443 },
    admin: { host: '::', port: 8080 },
  });
  assert.equal(issuer, 'https://cairn-operator.cairn-system.svc:8443');
  assert.deepEqual([webhook.name, launchSeconds, kubeconfig], ['cairn', 900, undefined]);
});

test('a variable that is missing or wrong is named with what it takes', () => {
  assert.match(refusal({ CAIRN_NAMESPACE: '' }), /CAIRN_NAMESPACE is not set/);
  assert.match(refusal({ CAIRN_ISSUER: 'http://plain' }), /CAIRN_ISSUER is http:\/\/plain: use an https URL/);
  assert.match(refusal({ CAIRN_SERVICE_LISTEN: '8443' }), /CAIRN_SERVICE_LISTEN is 8443: use ADDRESS:PORT/);
  assert.match(refusal({ CAIRN_ADMIN_LISTEN: '127.0.0.1:65536' }), /CAIRN_ADMIN_LISTEN/);
  assert.match(refusal({ CAIRN_LOG_LEVEL: 'loud' }), /use one of debug, info, warn, error/);
  for (const seconds of ['59', '3601', '90.5']) assert.match(refusal({ CAIRN_LAUNCH_SECONDS: seconds }), /from 60 to 3600/);
  for (const seconds of [60, 3600]) assert.equal(config({ CAIRN_LAUNCH_SECONDS: String(seconds) }).launchSeconds, seconds);
});

test("sidecars' environment is a map of CAIRN_ variables, up to its limit", () => {
  const read = (text: string): Record<string, string> => config({ CAIRN_SIDECAR_ENV_FILE: 'e' }, { e: text }).sidecar.env;
  const refused = (text: string): string => refusal({ CAIRN_SIDECAR_ENV_FILE: 'e' }, { e: text });
  const many = (count: number): string => Array.from({ length: count }, (_, n) => `CAIRN_V${n}: "1"`).join('\n');
  assert.deepEqual(read('CAIRN_KAFKA_BROKERS: kafka.data.svc:9092\n'), { CAIRN_KAFKA_BROKERS: 'kafka.data.svc:9092' });
  assert.deepEqual(read('{}'), {});
  assert.match(refused('NODE_OPTIONS: --inspect'), /has the key NODE_OPTIONS/);
  assert.match(refused('CAIRN_SPOOL_QUOTA_MIB: 5'), /is no text/);
  assert.match(refused('[a]'), /must be a map/);
  assert.match(refused('a: [b'), /is no YAML/);
  assert.equal(Object.keys(read(many(SIDECAR_VARIABLES_COUNT))).length, SIDECAR_VARIABLES_COUNT);
  assert.match(refused(many(SIDECAR_VARIABLES_COUNT + 1)), /more than 100 variables/);
  assert.match(refused(`# ${'x'.repeat(CONFIG_FILE_BYTES)}`), /bytes/);
  assert.match(refusal({ CAIRN_SIDECAR_ENV_FILE: 'absent' }), /cannot be read \(ENOENT\)/);
});

test('trusted controllers name an account and kinds', () => {
  const read = (text: string): OperatorConfig['trustedControllers'] =>
    config({ CAIRN_TRUSTED_CONTROLLERS_FILE: 'c' }, { c: text }).trustedControllers;
  assert.deepEqual(read('- {serviceAccount: agents/framework, kinds: [Crew]}'), [{ serviceAccount: 'agents/framework', kinds: ['Crew'] }]);
  assert.deepEqual(read(''), []);
  for (const wrong of ['- {serviceAccount: framework, kinds: [Crew]}', '- {serviceAccount: a/b, kinds: []}', '- x'])
    assert.match(refusal({ CAIRN_TRUSTED_CONTROLLERS_FILE: 'c' }, { c: wrong }), /entry 1 of c must be/);
});

test("the auditor's key is the public one; the private one is refused and not quoted", () => {
  const { publicJwk, privateJwk } = generateAuditorKey();
  const read = (jwk: object): OperatorConfig => config({ CAIRN_AUDITOR_KEY_FILE: 'k' }, { k: JSON.stringify(jwk) });
  assert.deepEqual(read(publicJwk).auditorKey, { kid: publicJwk.kid, publicKey: publicJwk.x });
  const said = refusal({ CAIRN_AUDITOR_KEY_FILE: 'k' }, { k: JSON.stringify(privateJwk) });
  assert.match(said, /holds the private key/);
  assert.ok(!said.includes(privateJwk.d));
});
