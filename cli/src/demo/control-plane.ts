/** The operator's service, in this process, with the little of a cluster that it needs: a token issuer and what was injected. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditorPublicKey, generateAuditorKey } from '@cairn/audit';
import type { AuditPolicy, Bundle, IdentityProvider } from '@cairn/crds';
import { createWorkloadVerifier, generateSigningKey, mintWorkloadToken } from '@cairn/identity';
import { createOperatorService, fileStores } from '@cairn/operator';
import type { DemoFolder } from './folder.js';
import type { Pod } from './kubelet/pod.js';

const CLUSTER_ISSUER = 'https://kubernetes.default.svc.cluster.local';

export interface ControlPlane {
  url: string;
  /** What injection tells the operator of a pod: its agent's name and its policy. */
  admit(pod: Pod, agent: string, policy: AuditPolicy): void;
  /** A service account token of the pod, as kubelet would get it from the API server. */
  podToken(pod: Pod, seconds: number): Promise<string>;
  /** After it, witness.jsonl in the operator's folder is complete. */
  stop(): Promise<void>;
}

interface Admitted {
  agent: string;
  namespace: string;
  policy: AuditPolicy;
}

function bundleOf(
  policy: AuditPolicy,
  provider: IdentityProvider,
  tokenService: Bundle['tokenService'],
  auditorKey: Bundle['auditorKey'] & object,
): Bundle {
  const content = { policies: [policy], providers: [provider], tokenService, auditorKey };
  return { version: createHash('sha256').update(JSON.stringify(content)).digest('hex'), ...content };
}

/** Makes the auditor's key, of which sidecars know the public half only, and leaves trust and key in the demo's folder. */
export async function startControlPlane(folder: DemoFolder, provider: IdentityProvider, host: string): Promise<ControlPlane> {
  const cluster = await generateSigningKey();
  const auditor = generateAuditorKey();
  const pods = new Map<string, Admitted>();
  const log: string[] = [];
  const service = await createOperatorService({
    stores: fileStores(join(folder.run, 'operator')),
    workloads: createWorkloadVerifier({ issuer: CLUSTER_ISSUER, jwks: { keys: [cluster.publicJwk] } }),
    providers: [provider.spec],
    bundleFor: ({ uid }) => {
      const admitted = pods.get(uid);
      return admitted && bundleOf(admitted.policy, provider, service.tokenService(), auditorPublicKey(auditor.publicJwk));
    },
    agentOf: ({ uid }) => {
      const admitted = pods.get(uid);
      if (!admitted) return undefined;
      const { maxDepth, allowLoops } = admitted.policy.spec.identity;
      return { name: admitted.agent, namespace: admitted.namespace, maxDepth, allowLoops };
    },
    log: (entry) => void log.push(JSON.stringify({ time: new Date().toISOString(), ...entry })),
  });
  const url = await service.listen({ host });
  writeFileSync(
    join(folder.root, 'trust.json'),
    `${JSON.stringify({ issuer: service.tokenService().issuer, jwks: service.jwks() }, null, 2)}\n`,
  );
  writeFileSync(join(folder.root, 'auditor.key'), `${JSON.stringify(auditor.privateJwk)}\n`, { mode: 0o600 });
  return {
    url,
    admit: (pod, agent, policy) => void pods.set(pod.metadata.uid, { agent, namespace: pod.metadata.namespace, policy }),
    podToken: (pod, seconds) => {
      const { namespace, name, uid } = pod.metadata;
      const workload = { pod: { namespace, name, uid }, serviceAccount: pod.spec.serviceAccountName ?? 'default' };
      return mintWorkloadToken(cluster, workload, { issuer: CLUSTER_ISSUER, now: Math.floor(Date.now() / 1000), lifetimeSeconds: seconds });
    },
    async stop() {
      await service.close();
      writeFileSync(join(folder.logs, 'operator.log'), log.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    },
  };
}
