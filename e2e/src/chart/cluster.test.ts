import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parseDocument } from 'yaml';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { objects, template, valuesFile, type KubernetesObject } from './helm.js';
import { writeManifests } from './manifests/manifests.js';
import { CHART, NAMESPACE, RELEASE } from './repository.js';

let cluster: ApiServer;

const IN = ['-n', NAMESPACE];
/** Pod Security refuses what it enforces and tells what it warns of; both on our namespace. */
const restricted = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: NAMESPACE,
    labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' },
  },
};

const release = (command: 'install' | 'upgrade', chart: string, ...more: string[]): Promise<string> =>
  cluster.helm([command, RELEASE, chart, '--namespace', NAMESPACE, ...more]);

describe('the chart on a real API server', () => {
  const shared = sharedApiServer();
  before(async () => {
    cluster = shared();
    await cluster.apply([restricted]);
  });

  for (const set of ['default', 'production', 'minimal']) {
    test(`the API server takes every object of ${set}.values.yaml, without a warning`, async () => {
      // The Prometheus operator's kinds are not part of Kubernetes.
      const rendered = objects(await template(['--values', valuesFile(set)])).filter(({ kind }) => kind !== 'ServiceMonitor');
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rendered });
      const args = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
      const { code, stdout, stderr } = await cluster.tryKubectl(args, { input });
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
      assert.equal(stdout.trim().split('\n').length, rendered.length);
    });
  }

  test('kubectl apply takes the plain manifests of make manifests', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'cairn-manifests-'));
    t.after(() => rmSync(folder, { recursive: true }));
    await writeManifests(folder, ['--values', valuesFile('default')]);
    for (const how of [
      ['-k', folder],
      ['-f', join(folder, 'cairn.yaml')],
    ]) {
      const { code, stdout, stderr } = await cluster.tryKubectl(['apply', '--server-side', '--dry-run=server', ...how]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /deployment\.apps\/cairn-operator serverside-applied/);
      assert.doesNotMatch(stdout, /cairn-test-ready/);
    }
  });

  const SPEC_SCHEMA = ['spec', 'versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'spec'];

  /** The chart as it was before AuditPolicy could say `retention`: what an upgrade must mend. */
  function olderChart(): string {
    const folder = join(mkdtempSync(join(tmpdir(), 'cairn-chart-')), 'cairn');
    cpSync(CHART, folder, { recursive: true });
    const file = join(folder, 'files', 'crds', 'cairn.dev_auditpolicies.yaml');
    const definition = parseDocument(readFileSync(file, 'utf8'));
    assert.ok(definition.deleteIn([...SPEC_SCHEMA, 'properties', 'retention']), 'the schema of AuditPolicy has a retention to leave out');
    writeFileSync(file, String(definition));
    return folder;
  }

  const hasRetention = async (): Promise<boolean> =>
    JSON.stringify(await cluster.get('crd', 'auditpolicies.cairn.dev')).includes('"retention"');

  describe('helm install, upgrade, uninstall', () => {
    test('install makes two replicas whose pods Pod Security restricted takes', async (t) => {
      const older = olderChart();
      t.after(() => rmSync(join(older, '..'), { recursive: true }));
      const notes = await release('install', older);
      assert.match(notes, /kubectl label namespace NAMESPACE cairn\.dev\/enroll=true/);
      // No node: the pods exist and stay Pending.
      await cluster.kubectl([...IN, 'wait', 'deployment/cairn-operator', '--for=jsonpath={.status.replicas}=2', '--timeout=30s']);
      const { items } = await cluster.get<{ items: KubernetesObject[] }>('pods', ...IN, '-l', 'app.kubernetes.io/component=operator');
      assert.equal(items.length, 2);
      assert.equal(await hasRetention(), false);
    });

    test('the pod of helm test is taken by Pod Security restricted', async () => {
      const [pod] = objects(await template(['--show-only', 'templates/tests/ready.yaml']));
      await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(pod) });
    });

    test('upgrade brings the new schemas and rolls the pods when the configuration changes', async () => {
      const hash = async (): Promise<string | undefined> => {
        const { spec } = await cluster.get<{ spec: { template: KubernetesObject } }>('deployment', 'cairn-operator', ...IN);
        return spec.template.metadata.annotations?.['checksum/config'];
      };
      const old = await hash();
      await release('upgrade', CHART, '--set', 'sidecar.env.CAIRN_KAFKA_BROKERS=kafka.kafka.svc:9092');
      assert.equal(await hasRetention(), true);
      assert.notEqual(await hash(), old);
    });

    test('what the cluster holds outlives uninstall, and the next install takes it over', async () => {
      const policy = { apiVersion: 'cairn.dev/v1alpha1', kind: 'AuditPolicy', metadata: { name: 'kept', namespace: 'default' }, spec: {} };
      // No operator runs here to answer for its webhooks.
      await cluster.kubectl(['delete', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', 'cairn']);
      await cluster.apply([policy]);
      await cluster.helm(['uninstall', RELEASE, '--namespace', NAMESPACE]);
      await cluster.get('auditpolicy', 'kept', '-n', 'default');
      const left = await cluster.tryKubectl([...IN, 'get', 'deployment,service,networkpolicy', '-o', 'name']);
      assert.equal(left.stdout.trim(), '');
      await release('install', CHART);
      await cluster.get('auditpolicy', 'kept', '-n', 'default');
    });
  });
});
