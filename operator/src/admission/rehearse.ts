/**
 * Calls the webhook's own code before anybody else does. V8 compiles what is called often, on the core that answers: without this, the
 * first pods after a start wait for it.
 */
import { readResource } from '@cairn/crds';
import { REHEARSED_CALLS } from './limits.js';
import type { AdmissionCluster, AdmissionContext } from './options.js';
import { answer, readReview } from './review.js';
import { mutateWorkload } from './workloads.js';

const NAMESPACE = 'rehearsal';

const { policy: POLICY } = readResource({
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: 'rehearsal', namespace: NAMESPACE },
  spec: {
    identity: { required: true },
    targets: [{ name: 'orders', protocol: 'postgres', hosts: ['orders.data.svc'], port: 5432, credential: { secret: 'orders' } }],
  },
});

/** A cluster of one policy and no pods. */
const CLUSTER: AdmissionCluster = {
  podKind: () => undefined,
  launchOfPod: () => undefined,
  launch: () => undefined,
  serves: () => false,
  isExplicit: () => false,
  heard: () => Promise.resolve(),
  isAgentServiceAccount: () => false,
  policies: () => (POLICY ? [POLICY] : []),
  namespaceLabels: () => undefined,
  version: () => undefined,
};

const REVIEW = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'rehearsal',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    namespace: NAMESPACE,
    userInfo: { username: 'rehearsal', groups: ['system:authenticated'] },
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'agent-', labels: { app: 'agent' } },
      spec: { containers: [{ name: 'agent', image: 'agent', env: [{ name: 'A', value: 'b' }], ports: [{ containerPort: 8080 }] }] },
    },
  },
});

/** Signs with the installation's key; what it signs leaves this function nowhere, and nothing is logged, counted or told. */
export async function rehearse(options: AdmissionContext): Promise<void> {
  const context = { ...options, cluster: CLUSTER };
  for (let call = 0; call < REHEARSED_CALLS; call++) {
    const request = readReview(JSON.parse(REVIEW));
    const decision = await mutateWorkload(request, true, context);
    if (!decision.allowed) throw new Error(`the webhook refused what it rehearses by: ${decision.message}`);
    answer(request.uid, decision);
  }
}
