import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { tryHelm } from './helm.js';
import { CHART, RELEASE, repositoryFile } from './repository.js';
import { valuePaths, valueRows, valuesTable, type ValueSchema } from './values-table.js';

const schema = JSON.parse(repositoryFile('charts/cairn/values.schema.json')) as ValueSchema;
const values = parse(repositoryFile('charts/cairn/values.yaml')) as Record<string, unknown>;
const rows = valueRows(schema, values);

describe("the chart's values", () => {
  test('are described and have a default, each of them', () => {
    for (const { path, fallback, description } of rows) {
      assert.notEqual(fallback, undefined, `${path} has no default in values.yaml`);
      assert.ok(description, `${path} has no description in values.schema.json`);
    }
    const paths = rows.map(({ path }) => path);
    assert.deepEqual(valuePaths(values, new Set(paths)), paths, 'values.yaml and values.schema.json list the same, in the same order');
  });

  test('are the table in the README', () => {
    const table = valuesTable(rows);
    const readme = repositoryFile('charts/cairn/README.md');
    assert.ok(readme.includes(`\n${table}\n`), `charts/cairn/README.md: the table of values should be\n\n${table}\n`);
  });
});

describe('a value that the chart does not take', () => {
  const refused: [what: string, value: string, says: RegExp][] = [
    ['unknown', 'replicaCount=3', /additional properties 'replicaCount' not allowed/],
    ['unknown, further down', 'metrics.serviceMonitors.enabled=true', /'\/metrics'.*additional properties 'serviceMonitors' not allowed/],
    ['of another type', 'replicas=two', /'\/replicas'.*got string, want integer/],
    ['out of range', 'replicas=0', /'\/replicas'.*minimum.*1/],
    ['over the limit', 'replicas=17', /'\/replicas'.*maximum.*16/],
    ['no choice', 'logLevel=verbose', /'\/logLevel'.*must be one of 'error', 'warn', 'info', 'debug'/],
    ['an issuer without TLS', 'issuer=http://cairn.example.com', /'\/issuer'.*does not match pattern/],
    ['a digest that is a tag', 'image.digest=latest', /'\/image\/digest'.*does not match pattern/],
    [
      'an environment variable that is not for sidecars',
      'sidecar.env.NODE_OPTIONS=--inspect',
      /'\/sidecar\/env'.*additional properties 'NODE_OPTIONS' not allowed/,
    ],
    ["the auditor's private key", 'auditorKey=\\{"kty":"OKP"\\,"d":"AAAA"\\}', /auditorKey holds a private key, .* give its public half/],
    [
      'a kind without its group',
      'trustedControllers[0].serviceAccount=a/b,trustedControllers[0].kinds={Job}',
      /'\/trustedControllers\/0\/kinds\/0'/,
    ],
    ['a controller without a namespace', 'trustedControllers[0].serviceAccount=ci', /'\/trustedControllers\/0/],
  ];
  for (const [what, value, says] of refused) {
    test(`${what}: ${value.split('=')[0]}`, async () => {
      const { code, stdout, stderr } = await tryHelm(['template', RELEASE, CHART, '--set', value]);
      assert.notEqual(code, 0, stdout.slice(0, 200));
      assert.match(stderr.replaceAll('\n', ' '), says);
    });
  }
});
