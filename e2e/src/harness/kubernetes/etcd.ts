/** etcd for one API server: data in a folder, no fsync (nothing outlives the test). */
import { join } from 'node:path';
import { ServerProcess } from './server-process.js';

export interface Etcd {
  readonly url: string;
  readonly process: ServerProcess;
  /** Drops every revision before now, as the API server's own compaction does every five minutes: watches from before get 410 Gone. */
  compact(): Promise<number>;
}

export async function startEtcd(program: string, folder: string, [client, peer]: readonly [number, number]): Promise<Etcd> {
  const url = `http://127.0.0.1:${client}`;
  const peers = `http://127.0.0.1:${peer}`;
  const process = new ServerProcess({
    name: 'etcd',
    command: program,
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=default=${peers}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    logFile: join(folder, 'etcd.log'),
    ready: async () => (await fetch(`${url}/readyz`)).ok,
  });
  await process.start();
  return { url, process, compact: () => compact(url) };
}

/** By etcd's JSON gateway (https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/). The revision compacted to. */
async function compact(url: string): Promise<number> {
  const key = Buffer.from('compact_rev_key').toString('base64');
  const { header } = (await call(`${url}/v3/kv/range`, { key })) as { header: { revision: string } };
  await call(`${url}/v3/kv/compaction`, { revision: header.revision, physical: true });
  return Number(header.revision);
}

async function call(url: string, body: object): Promise<unknown> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
