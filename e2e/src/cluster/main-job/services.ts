/** The company's services in the cluster: the database with what the examples say it holds, and the CRM. */
import type { Cluster } from '../../harness/cluster/index.js';
import { buildPostgres, loadImages } from '../../harness/images/index.js';
import { applyExamples, exampleFile } from './examples.js';
import { ROLLOUT_MS } from './limits.js';
import { until } from './until.js';

const OWNER = 'postgresql://postgres:demo-only-owners-password@127.0.0.1/orders';

/** Runs SQL in the database as its owner; resolves to the rows, one a line. */
export function inDatabase(cluster: Cluster, sql: string): Promise<string> {
  const psql = ['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', OWNER, '-c', sql];
  return cluster.kubectl(['exec', '-n', 'data', 'deployment/orders', '--', ...psql]);
}

/** What the database is to hold when it starts, in the order in which it runs. */
const SQL = { '1.sql': 'nested-jobs/roles.sql', '2.sql': 'research/orders.sql' };

export async function startServices(cluster: Cluster): Promise<void> {
  const { reference, archive } = await buildPostgres();
  await cluster.importImage(archive);
  await loadImages(cluster);
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'data' } }]);
  const files = Object.entries(SQL).map(([name, path]) => `--from-file=${name}=${exampleFile(path)}`);
  const configMap = await cluster.kubectl(['create', 'configmap', 'orders-sql', '-n', 'data', ...files, '--dry-run=client', '-o', 'json']);
  await cluster.apply(configMap);
  await applyExamples(cluster, ['nested-jobs/services.yaml'], { 'postgres:17': reference });
  await rolledOut(cluster, 'data', 'orders');
  await rolledOut(cluster, 'sales', 'crm');
}

/** Resolves once every pod of a Deployment is the newest and ready. */
export async function rolledOut(cluster: Cluster, namespace: string, deployment: string): Promise<void> {
  await until(`Deployment ${namespace}/${deployment}`, ROLLOUT_MS, async () => {
    await cluster.kubectl(['rollout', 'status', '-n', namespace, `deployment/${deployment}`, '--timeout=10s']);
    return true;
  });
}
