/** The operator's service in this process, over policies given as YAML, with a cluster's keys of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditorPublicKey, generateAuditorKey } from '@cairn/audit';
import { parsePolicies, policyFor, type AuditPolicy, type Bundle, type IdentityProvider } from '@cairn/crds';
import { createWorkloadVerifier, generateSigningKey, mintWorkloadToken, uuidv7, type PodReference, type Principal } from '@cairn/identity';
import { createOperatorService, fileStores, issueAuthority, podCertificates, type OperatorService } from '@cairn/operator';

const CLUSTER = 'https://kubernetes.default.svc';
const TOKEN_SECONDS = 3600;
/** Where sidecars of tests find the gateway; the harness says where that really is. */
export const GATEWAY = { host: 'cairn-gateway.cairn-system.svc', port: 8444 };
const GATEWAY_ACCOUNT = 'cairn-gateway';
const DAY_SECONDS = 86_400;

export interface Pod extends PodReference {
  agent: string;
  labels: Record<string, string>;
}

export interface ControlPlane {
  readonly url: string;
  readonly service: OperatorService;
  readonly stateFolder: string;
  readonly auditorKey: ReturnType<typeof generateAuditorKey>;
  /** Admits a pod: from now on it is known and may ask for its bundle. */
  admit(pod: Pod): Promise<{ workloadToken: string; grant: string }>;
  /** Admits a pod of the gateway's. */
  admitGateway(name: string): Promise<{ pod: PodReference; workloadToken: string }>;
  /** What signs certificates of the hop now. */
  readonly hopAuthority: CertifiedKey;
  /** What was asked of it, in order: the gateway's certificates (`server`) and those of sidecars. */
  readonly certified: readonly ('client' | 'server')[];
  /** The CA that is to sign next, trusted from the next certificate on; the function returned lets it sign. */
  nextHopAuthority(): Promise<() => void>;
  /** Replaces the policies; sidecars hear of it. */
  apply(yaml: string): void;
  stop(): Promise<void>;
}

/** Who deploys the pods of tests: launches that no request set in motion lead to her. */
export const DEPLOYER: Principal = {
  iss: 'kubernetes',
  sub: 'carol@example.com',
  name: 'carol@example.com',
  groups: ['platform'],
  authn: 'kubernetes',
};

export interface ControlPlaneOptions {
  /** Default: the loopback. */
  host?: string;
  /** How long certificates of the hop hold; default: the operator's. */
  certificateSeconds?: number;
}

type CertifiedKey = Awaited<ReturnType<typeof issueAuthority>>;

/** Starts it for policies (and IdentityProviders) in YAML. Throws with every problem when they do not hold. */
export async function startControlPlane(yaml: string, options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { host = '127.0.0.1', certificateSeconds } = options;
  const stateFolder = mkdtempSync(join(tmpdir(), 'cairn-control-plane-'));
  const clusterKey = await generateSigningKey();
  const auditorKey = generateAuditorKey();
  const pods = new Map<string, Pod>();
  let resources = read(yaml);
  let version = 1;
  const policyOf = (pod: Pod): AuditPolicy => {
    const choice = policyFor(resources.policies, { namespace: pod.namespace, labels: pod.labels });
    const chosen = choice.policy && resources.policies.find(({ metadata }) => metadata.name === choice.policy.name);
    if (!chosen) throw new Error(choice.problem?.message ?? 'no policy');
    return chosen;
  };
  let hopAuthority = await issueAuthority(Date.now(), DAY_SECONDS);
  let hopTrust = hopAuthority.cert;
  const certified: ('client' | 'server')[] = [];
  const certificates = podCertificates({
    signing: () => hopAuthority,
    bundle: () => hopTrust,
    ...(certificateSeconds === undefined ? {} : { seconds: certificateSeconds }),
  });
  const auditor = auditorPublicKey(auditorKey.publicJwk);
  const common = (): Pick<Bundle, 'version' | 'tokenService' | 'auditorKey' | 'providers'> => ({
    version: String(version),
    providers: resources.providers,
    tokenService: service.tokenService(),
    auditorKey: { kid: auditor.kid, publicKey: auditor.publicKey },
  });
  const service: OperatorService = await createOperatorService({
    stores: fileStores(stateFolder),
    workloads: createWorkloadVerifier({ issuer: CLUSTER, jwks: { keys: [clusterKey.publicJwk] } }),
    providers: resources.providers.map(({ spec }) => spec),
    bundleFor: (reference) => {
      const pod = pods.get(reference.uid);
      return pod && { ...common(), policies: [policyOf(pod)], gateway: GATEWAY };
    },
    gateway: {
      isGateway: ({ pod, serviceAccount }) => pod.namespace === 'cairn-system' && serviceAccount === GATEWAY_ACCOUNT,
      bundle: () => ({ ...common(), policies: resources.policies.filter(({ spec }) => spec.egress === 'Gateway') }),
      names: [GATEWAY.host],
      certificates: {
        bundle: () => certificates.bundle(),
        issue: (key, use) => {
          certified.push('client' in use ? 'client' : 'server');
          return certificates.issue(key, use);
        },
      },
    },
    agentOf: (reference) => {
      const pod = pods.get(reference.uid);
      if (!pod) return undefined;
      const { maxDepth, allowLoops } = policyOf(pod).spec.identity;
      return { name: pod.agent, namespace: pod.namespace, maxDepth, allowLoops, policy: policyOf(pod).metadata.name };
    },
    log: () => undefined,
  });
  const url = await service.listen({ host });
  const now = (): number => Math.floor(Date.now() / 1000);
  return {
    url,
    service,
    stateFolder,
    auditorKey,
    get hopAuthority() {
      return hopAuthority;
    },
    certified,
    async nextHopAuthority() {
      const next = await issueAuthority(Date.now(), DAY_SECONDS);
      hopTrust += next.cert;
      return () => void (hopAuthority = next);
    },
    async admit(pod) {
      pods.set(pod.uid, pod);
      const reference: PodReference = { namespace: pod.namespace, name: pod.name, uid: pod.uid };
      const terms = { issuer: CLUSTER, now: now(), lifetimeSeconds: TOKEN_SECONDS };
      return {
        workloadToken: await mintWorkloadToken(clusterKey, { pod: reference, serviceAccount: pod.agent }, terms),
        grant: await service.grant({ principal: DEPLOYER, namespace: pod.namespace, agent: pod.agent }, pod.uid, TOKEN_SECONDS),
      };
    },
    async admitGateway(name) {
      const pod: PodReference = { namespace: 'cairn-system', name, uid: uuidv7() };
      const terms = { issuer: CLUSTER, now: now(), lifetimeSeconds: TOKEN_SECONDS };
      return { pod, workloadToken: await mintWorkloadToken(clusterKey, { pod, serviceAccount: GATEWAY_ACCOUNT }, terms) };
    },
    apply(next) {
      resources = read(next);
      version += 1;
      service.bundlesChanged();
    },
    async stop() {
      await service.close();
      rmSync(stateFolder, { recursive: true, force: true });
    },
  };
}

function read(yaml: string): { policies: AuditPolicy[]; providers: IdentityProvider[] } {
  const { policies, providers, problems } = parsePolicies(yaml, 'policy.yaml');
  if (problems.length > 0) throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return { policies, providers };
}

/** The IdentityProvider `corp` over an OpenID Connect issuer, as YAML. */
export const corpProvider = (issuer: string): string => `
apiVersion: cairn.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  oidc: {issuer: "${issuer}", audiences: [cairn], groupsClaim: groups, usernameClaim: email}
`;
