import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { captureConfig } from './capture.js';
import { sidecarConfig } from './config.js';
import { ConfigError, parseAddress, type Environment } from './env.js';

const REQUIRED = {
  CAIRN_AGENT: 'planner',
  CAIRN_NAMESPACE: 'research',
  CAIRN_POD_NAME: 'planner-0',
  CAIRN_POD_UID: 'uid',
  CAIRN_NODE: 'node-1',
  CAIRN_OPERATOR_URL: 'https://operator.cairn.svc/',
  CAIRN_WORKLOAD_TOKEN_FILE: 'token',
  CAIRN_CREDENTIALS_DIR: 'credentials',
  CAIRN_SPOOL_DIR: 'spool',
  CAIRN_AGENT_DIR: 'agent',
};

let dir: string;
before(() => (dir = mkdtempSync(join(tmpdir(), 'cairn-config-'))));
after(() => rmSync(dir, { recursive: true, force: true }));

const file = (name: string, content: string): string => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
const config = (env: Environment): ReturnType<typeof sidecarConfig> => sidecarConfig({ ...REQUIRED, ...env });

describe('the configuration of a sidecar', () => {
  it('has a value for everything that is not required', () => {
    assert.deepEqual(config({}), {
      agent: { name: 'planner', namespace: 'research', pod: 'planner-0', uid: 'uid', node: 'node-1' },
      operator: { url: 'https://operator.cairn.svc', caFile: undefined },
      workloadTokenFile: 'token',
      grant: undefined,
      credentialsFolder: 'credentials',
      serviceAccountFolder: undefined,
      spoolFolder: 'spool',
      agentFolder: 'agent',
      capture: 'transparent',
      outbound: { host: '::', port: 15001 },
      proxy: { host: '127.0.0.1', port: 15002 },
      targets: new Map(),
      inbound: { host: '::', port: 15006 },
      inboundPorts: [],
      dns: { host: '127.0.0.1', port: 15053 },
      admin: { host: '127.0.0.1', port: 15020 },
      logLevel: 'info',
      resolve: new Map(),
      kafka: undefined,
      holdSeconds: 45,
      spoolLimits: { quotaBytes: 1024 * 1024 * 1024, highWaterBytes: 768 * 1024 * 1024, segmentBytes: 64 * 1024 * 1024 },
    });
  });

  for (const [name, value, read, expected] of [
    ['CAIRN_OPERATOR_CA', 'ca.crt', (c) => c.operator.caFile, 'ca.crt'],
    ['CAIRN_GRANT', 'a.b.c', (c) => c.grant, 'a.b.c'],
    ['CAIRN_GRANT', '', (c) => c.grant, undefined],
    ['CAIRN_CAPTURE', 'explicit', (c) => c.capture, 'explicit'],
    ['CAIRN_OUTBOUND_LISTEN', '0.0.0.0:1', (c) => c.outbound, { host: '0.0.0.0', port: 1 }],
    ['CAIRN_PROXY_LISTEN', '[::1]:65535', (c) => c.proxy, { host: '::1', port: 65_535 }],
    ['CAIRN_INBOUND_LISTEN', 'localhost:0', (c) => c.inbound, { host: 'localhost', port: 0 }],
    ['CAIRN_DNS_LISTEN', '127.0.0.1:53', (c) => c.dns, { host: '127.0.0.1', port: 53 }],
    ['CAIRN_ADMIN_LISTEN', '127.0.0.1:7', (c) => c.admin, { host: '127.0.0.1', port: 7 }],
    ['CAIRN_INBOUND_PORTS', '8080,9090', (c) => c.inboundPorts, [8080, 9090]],
    ['CAIRN_TARGET_LISTEN', 'db=127.0.0.1:5,crm=[::1]:6', (c) => [...c.targets.keys()], ['db', 'crm']],
    ['CAIRN_LOG_LEVEL', 'debug', (c) => c.logLevel, 'debug'],
    ['CAIRN_SPOOL_QUOTA_MIB', '2', (c) => c.spoolLimits.quotaBytes, 2 * 1024 * 1024],
    ['CAIRN_HOLD_SECONDS', '60', (c) => c.holdSeconds, 60],
    ['CAIRN_SPOOL_QUOTA_MIB', '2', (c) => c.spoolLimits.segmentBytes, 256 * 1024],
    ['CAIRN_SPOOL_HIGH_WATER_MIB', '1048576', (c) => c.spoolLimits.highWaterBytes, 1024 ** 4],
  ] as [string, string, (config: ReturnType<typeof sidecarConfig>) => unknown, unknown][]) {
    it(`reads ${name}=${value}`, () => assert.deepEqual(read(config({ [name]: value })), expected));
  }

  for (const name of Object.keys(REQUIRED)) {
    for (const value of [undefined, '']) {
      it(`says that ${name} is not set (${value === '' ? 'empty' : 'absent'})`, () => {
        assert.throws(() => config({ [name]: value }), new ConfigError(`${name} is not set`));
      });
    }
  }

  const ADDRESS = ': use ADDRESS:PORT, for example ';
  for (const [name, value, sentence] of [
    [
      'CAIRN_OPERATOR_URL',
      'operator:8443',
      'CAIRN_OPERATOR_URL is operator:8443: use an http or https URL, for example https://cairn-operator.cairn-system.svc',
    ],
    ['CAIRN_CAPTURE', 'both', 'CAIRN_CAPTURE is both: use one of transparent, explicit'],
    ['CAIRN_LOG_LEVEL', 'trace', 'CAIRN_LOG_LEVEL is trace: use one of debug, info, warn, error'],
    ['CAIRN_OUTBOUND_LISTEN', '15001', `CAIRN_OUTBOUND_LISTEN is 15001${ADDRESS}[::]:15001`],
    ['CAIRN_PROXY_LISTEN', 'a:65536', `CAIRN_PROXY_LISTEN is a:65536${ADDRESS}127.0.0.1:15002`],
    ['CAIRN_INBOUND_LISTEN', '::1:5', `CAIRN_INBOUND_LISTEN is ::1:5${ADDRESS}[::]:15006`],
    ['CAIRN_DNS_LISTEN', ':53', `CAIRN_DNS_LISTEN is :53${ADDRESS}127.0.0.1:15053`],
    ['CAIRN_ADMIN_LISTEN', 'a:', `CAIRN_ADMIN_LISTEN is a:${ADDRESS}127.0.0.1:15020`],
    ['CAIRN_INBOUND_PORTS', '8080,', 'CAIRN_INBOUND_PORTS holds : use ports separated by commas'],
    ['CAIRN_INBOUND_PORTS', '0', 'CAIRN_INBOUND_PORTS holds 0: use ports separated by commas'],
    ['CAIRN_INBOUND_PORTS', '80,65536', 'CAIRN_INBOUND_PORTS holds 65536: use ports separated by commas'],
    ['CAIRN_TARGET_LISTEN', 'db', 'CAIRN_TARGET_LISTEN holds db: use TARGET=ADDRESS:PORT separated by commas'],
    ['CAIRN_TARGET_LISTEN', '=a:1', 'CAIRN_TARGET_LISTEN holds =a:1: use TARGET=ADDRESS:PORT separated by commas'],
    ['CAIRN_TARGET_LISTEN', 'db=a:1=b', 'CAIRN_TARGET_LISTEN holds db=a:1=b: use TARGET=ADDRESS:PORT separated by commas'],
    ['CAIRN_SPOOL_QUOTA_MIB', '0', 'CAIRN_SPOOL_QUOTA_MIB is 0: use a whole number from 1 to 1048576'],
    ['CAIRN_SPOOL_QUOTA_MIB', '1048577', 'CAIRN_SPOOL_QUOTA_MIB is 1048577: use a whole number from 1 to 1048576'],
    ['CAIRN_SPOOL_HIGH_WATER_MIB', '1.5', 'CAIRN_SPOOL_HIGH_WATER_MIB is 1.5: use a whole number from 1 to 1048576'],
  ] as const) {
    it(`says how to mend ${name}=${value}`, () => assert.throws(() => config({ [name]: value }), new ConfigError(sentence)));
  }

  it('reads where hosts really are, their names without case', () => {
    const { resolve } = config({ CAIRN_RESOLVE_FILE: file('good.json', '{"A.example:80": "127.0.0.1:8080"}') });
    assert.deepEqual([...resolve], [['a.example:80', { host: '127.0.0.1', port: 8080 }]]);
  });

  for (const [what, content, sentence] of [
    ['no address', '{"a:80": "x"}', /^CAIRN_RESOLVE_FILE: a:80 is "x": use ADDRESS:PORT$/],
    ['a number', '{"a:80": 7}', /^CAIRN_RESOLVE_FILE: a:80 is 7: use ADDRESS:PORT$/],
    ['no object', 'null', /^CAIRN_RESOLVE_FILE is .*, which holds no object: use \{"HOST:PORT": "ADDRESS:PORT"\}$/],
    ['no JSON', '{', /^CAIRN_RESOLVE_FILE is .*, which cannot be read as JSON: /],
  ] as const) {
    it(`says what is wrong with a resolve file that holds ${what}`, () => {
      assert.throws(() => config({ CAIRN_RESOLVE_FILE: file('bad.json', content) }), { name: 'ConfigError', message: sentence });
    });
  }

  it('says which resolve file is missing', () => {
    assert.throws(() => config({ CAIRN_RESOLVE_FILE: join(dir, 'none') }), {
      name: 'ConfigError',
      message: /none, which cannot be read.*ENOENT/,
    });
  });
});

describe('the Kafka settings', () => {
  const kafka = (env: Environment): unknown => config(env).kafka;
  const brokers = { CAIRN_KAFKA_BROKERS: 'a:9092, b:9092' };

  it('are absent without brokers', () => assert.equal(kafka({ CAIRN_KAFKA_TLS: 'true' }), undefined));
  it('hold the brokers', () => assert.deepEqual(kafka(brokers), { brokers: ['a:9092', 'b:9092'] }));
  it('turn TLS on alone', () =>
    assert.deepEqual(kafka({ ...brokers, CAIRN_KAFKA_TLS: 'true' }), { brokers: ['a:9092', 'b:9092'], tls: {} }));
  it('turn TLS on by its files', () => {
    const files = { CAIRN_KAFKA_TLS_CA_FILE: 'ca', CAIRN_KAFKA_TLS_CERT_FILE: 'crt', CAIRN_KAFKA_TLS_KEY_FILE: 'key' };
    assert.deepEqual(kafka({ ...brokers, ...files }), {
      brokers: ['a:9092', 'b:9092'],
      tls: { caFile: 'ca', certFile: 'crt', keyFile: 'key' },
    });
  });
  it('take SASL with a name and a file', () => {
    const sasl = { CAIRN_KAFKA_SASL_MECHANISM: 'scram-sha-512', CAIRN_KAFKA_SASL_USERNAME: 'u', CAIRN_KAFKA_SASL_PASSWORD_FILE: 'f' };
    const expected = { mechanism: 'scram-sha-512', username: 'u', passwordFile: 'f' };
    assert.deepEqual(kafka({ ...brokers, ...sasl }), { brokers: ['a:9092', 'b:9092'], sasl: expected });
    for (const name of ['CAIRN_KAFKA_SASL_USERNAME', 'CAIRN_KAFKA_SASL_PASSWORD_FILE']) {
      assert.throws(() => kafka({ ...brokers, ...sasl, [name]: '' }), new ConfigError(`${name} is not set`));
    }
  });
  for (const [name, value] of [
    ['CAIRN_KAFKA_TLS', 'yes'],
    ['CAIRN_KAFKA_SASL_MECHANISM', 'gssapi'],
  ] as const) {
    it(`refuse ${name}=${value}`, () => {
      assert.throws(() => kafka({ ...brokers, [name]: value }), {
        name: 'ConfigError',
        message: new RegExp(`^${name} is ${value}: use one of `),
      });
    });
  }
});

describe('the configuration of capture', () => {
  it('needs the sidecar’s UID, and has ports for the rest', () => {
    const expected = { sidecarUid: 1337, outboundPort: 15001, inboundPort: 15006, inboundPorts: [], dnsPort: 15053, adminPort: 15020 };
    assert.deepEqual(captureConfig({ CAIRN_SIDECAR_UID: '1337' }), expected);
  });
  it('follows the listeners', () => {
    const listen = {
      CAIRN_OUTBOUND_LISTEN: '[::]:1',
      CAIRN_INBOUND_LISTEN: '[::]:2',
      CAIRN_DNS_LISTEN: '127.0.0.1:3',
      CAIRN_INBOUND_PORTS: '80',
      CAIRN_ADMIN_LISTEN: '127.0.0.1:4',
    };
    const expected = { sidecarUid: 1, outboundPort: 1, inboundPort: 2, inboundPorts: [80], dnsPort: 3, adminPort: 4 };
    assert.deepEqual(captureConfig({ CAIRN_SIDECAR_UID: '1', ...listen }), expected);
  });
  for (const [value, sentence] of [
    [undefined, 'CAIRN_SIDECAR_UID is not set'],
    ['0', 'CAIRN_SIDECAR_UID is 0: use a whole number from 1 to 2147483647'],
    ['root', 'CAIRN_SIDECAR_UID is root: use a whole number from 1 to 2147483647'],
  ] as const) {
    it(`refuses the UID ${value}: root is everybody`, () => {
      assert.throws(() => captureConfig({ CAIRN_SIDECAR_UID: value }), new ConfigError(sentence));
    });
  }
});

describe('an address', () => {
  for (const [value, expected] of [
    ['a:1', { host: 'a', port: 1 }],
    ['[fe80::1]:0', { host: 'fe80::1', port: 0 }],
    ['a:65535', { host: 'a', port: 65_535 }],
    ['a:65536', undefined],
    ['a', undefined],
    ['', undefined],
    ['[::1]', undefined],
    ['a:b', undefined],
    ['a:-1', undefined],
  ] as const) {
    it(`${value || 'nothing'} is ${expected ? 'one' : 'none'}`, () => assert.deepEqual(parseAddress(value), expected));
  }
});
