import { createKeyResolver, type JwksSource } from './keys.js';
import { CAIRN_AUDIENCE } from './launch-token.js';
import { isPodReference } from './launch-verifier.js';
import { signJwt, type SigningKey } from './signing.js';
import { IdentityError, type PodReference } from './types.js';
import { verifyJwt } from './verify-jwt.js';

export interface Workload {
  pod: PodReference;
  /** Name of the service account in the pod's namespace. */
  serviceAccount: string;
  node?: string;
  /** Told where the verifier knows: a pod that ends finishes its evidence, but starts nothing. */
  standing?: 'terminating';
}

/** Tells which pod a sidecar's own token belongs to: by the cluster's keys, or by TokenReview behind the same interface. */
export interface WorkloadVerifier {
  /** Throws IdentityError. */
  verify(token: string): Promise<Workload>;
}

export interface WorkloadVerifierOptions {
  /** The API server's --service-account-issuer. */
  issuer: string;
  jwks: JwksSource;
  /** Default `cairn.dev`. */
  audience?: string;
  /** Milliseconds. */
  clock?: () => number;
}

interface KubernetesClaim {
  namespace?: string;
  pod?: { name: string; uid: string };
  serviceaccount?: { name: string; uid: string };
}

/** Verifies projected service account tokens (Kubernetes' claim `kubernetes.io`) that are bound to a pod. */
export function createWorkloadVerifier(options: WorkloadVerifierOptions): WorkloadVerifier {
  const clock = options.clock ?? Date.now;
  const rules = {
    keys: createKeyResolver(options.jwks, clock),
    issuer: options.issuer,
    audience: options.audience ?? CAIRN_AUDIENCE,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    types: [undefined, 'jwt'],
    required: ['sub', 'kubernetes.io'],
    clock,
  };
  return {
    async verify(token) {
      const { payload } = await verifyJwt(token, rules);
      const claim = payload['kubernetes.io'] as KubernetesClaim | undefined;
      const pod = { namespace: claim?.namespace, name: claim?.pod?.name, uid: claim?.pod?.uid };
      const serviceAccount = claim?.serviceaccount?.name;
      if (!isPodReference(pod) || !serviceAccount) throw new IdentityError('claims', 'the workload token is not bound to a pod');
      if (payload.sub !== `system:serviceaccount:${pod.namespace}:${serviceAccount}`) {
        throw new IdentityError('claims', 'the workload token names two service accounts');
      }
      return { pod, serviceAccount };
    },
  };
}

/** A token as a cluster would project it into a pod: for the demo and for tests, where no cluster issues one. */
export function mintWorkloadToken(
  key: SigningKey,
  workload: Workload,
  terms: { issuer: string; now: number; lifetimeSeconds: number },
): Promise<string> {
  const { pod, serviceAccount } = workload;
  return signJwt(key, 'JWT', {
    iss: terms.issuer,
    aud: [CAIRN_AUDIENCE],
    sub: `system:serviceaccount:${pod.namespace}:${serviceAccount}`,
    iat: terms.now,
    nbf: terms.now,
    exp: terms.now + terms.lifetimeSeconds,
    'kubernetes.io': {
      namespace: pod.namespace,
      pod: { name: pod.name, uid: pod.uid },
      serviceaccount: { name: serviceAccount, uid: pod.uid },
    },
  });
}
