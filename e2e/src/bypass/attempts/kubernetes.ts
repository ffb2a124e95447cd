/** What an agent asks of the API server with what stands in its container, as a service account that may do everything in its namespace. */
import type { Attempt, Layer, Places, Probe, Reached } from '../attempt.js';

const IMAGE = 'cairn-test/toolbox:latest';
const JSON_TYPE = 'application/json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
const DRY_RUN = 'dryRun=All';
/** Nothing here is dropped: whoever is refused is answered, on a busy machine later than a dropped packet is waited for elsewhere. */
const ANSWER_SECONDS = 90;

/**
 * As a client in a cluster does it, in HTTPS: `seconds method path content-type body mended`. REACHED where it was done, unless the
 * answer has the words of what was mended.
 */
const ASK = `
folder=/var/run/secrets/kubernetes.io/serviceaccount
out=$(curl -sS --max-time "$1" --cacert $folder/ca.crt -H "Authorization: Bearer $(cat $folder/token)" -H "Content-Type: $4" \\
  -X "$2" \${5:+--data-binary} \${5:+"$5"} -w '\\ncode %{http_code}' "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT$3" 2>&1)
case "$out" in *"code 2"??) ;; *) echo "$out"; exit 1 ;; esac
if [ -n "$6" ]; then case "$out" in *"$6"*) echo "MENDED: $6 was added"; exit ;; esac; fi
echo REACHED`;

interface Asked {
  id: string;
  title: string;
  layer?: Layer;
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: (places: Places, marker: string) => string;
  type?: string;
  object?: (places: Places) => object;
  /** What is in the answer where something was put right instead of refused. */
  mended?: string;
  reached?: Reached;
}

const DONE: Reached = { kind: 'output', pattern: /^REACHED/m };
const UPSTREAM: Reached = { kind: 'server', server: 'upstream' };

function asked({
  id,
  title,
  layer = 'L0 admission',
  method = 'POST',
  path,
  type = JSON_TYPE,
  object,
  mended = '',
  reached = DONE,
}: Asked): Attempt {
  const probe = (places: Places, marker: string): Probe => {
    const body = object ? JSON.stringify(object(places)) : '';
    return { kind: 'command', argv: ['sh', '-c', ASK, 'sh', `${ANSWER_SECONDS}`, method, path(places, marker), type, body, mended] };
  };
  return { id, title, family: 'kubernetes', layer, probe, reached };
}

const namespaced = (group: string, resource: string, namespace: string): string => `/${group}/namespaces/${namespace}/${resource}`;
const pods = (namespace: string): string => namespaced('api/v1', 'pods', namespace);
const networkPolicies = ({ namespace }: Places): string => namespaced('apis/networking.k8s.io/v1', 'networkpolicies', namespace);

function pod(spec: object = {}, annotations: object = {}, container: object = {}): object {
  const containers = [{ name: 'agent', image: IMAGE, imagePullPolicy: 'Never', command: ['sleep', '60'], ...container }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'around', annotations }, spec: { containers, ...spec } };
}

const making = (id: string, title: string, object: (places: Places) => object, layer?: Layer): Attempt =>
  asked({
    id,
    title,
    path: ({ namespace }) => `${pods(namespace)}?${DRY_RUN}`,
    object,
    mended: 'cairn-sidecar',
    ...(layer ? { layer } : {}),
  });

const ephemeral = {
  spec: { ephemeralContainers: [{ name: 'in', image: IMAGE, securityContext: { capabilities: { add: ['NET_ADMIN'] } } }] },
};
const opening = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'open' },
  spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{}] },
};
const tokenRequest = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };

/** Of a Secret what base64 makes of its value; masked, it is no more than a mark. */
const READ_SECRET = `
value=$(kubectl get secret bypass-credential -n "$1" -o 'jsonpath={.data.token}' 2>&1) || { echo "$value"; exit 1; }
[ "$(printf %s "$value" | base64 -d 2>/dev/null)" = "$2" ] && echo REACHED || echo "MENDED: the value is masked"`;

/** kubectl, which prefers WebSockets and is told to speak SPDY/3.1. */
const kubectl = (script: string, spdy: boolean, ...args: string[]): Probe => {
  const settings = ['KUBECTL_REMOTE_COMMAND_WEBSOCKETS', 'KUBECTL_PORT_FORWARD_WEBSOCKETS'].map((name) => `${name}=${!spdy}`);
  return { kind: 'command', argv: ['env', ...settings, 'sh', '-c', script, 'sh', ...args] };
};
const EXEC = 'kubectl exec -n "$1" "$2" -c "$3" -- $4 && echo REACHED';

/** A program in somebody else's pod that says what it is told to its own network: `namespace marker`. */
const EXEC_TUNNEL = `kubectl exec -n "$1" upstream -- python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", 8080)); s.sendall(("GET /%s HTTP/1.1\\r\\n\\r\\n" % sys.argv[1]).encode()); print(s.recv(200).decode())
' "$2"`;

/** \`namespace port marker\`. Ends with kubectl, or once somebody was reached. */
const FORWARD_TUNNEL = `
kubectl port-forward -n "$1" pod/upstream "$2:8080" > "/tmp/forward.$2" 2>&1 & pid=$!
while kill -0 $pid 2> /dev/null; do
  curl -s --noproxy '*' --max-time 5 "http://127.0.0.1:$2/$3" && break
  sleep 0.3
done
kill $pid 2> /dev/null; cat "/tmp/forward.$2"`;

/** The same by SPDY/3.1 and by WebSocket. */
function both(
  id: string,
  title: string,
  reached: Reached,
  probe: (places: Places, marker: string, spdy: boolean) => Probe,
  layer: Layer,
): Attempt[] {
  return [true, false].map((spdy) => ({
    id: `${id}-${spdy ? 'spdy' : 'websocket'}`,
    title: `${title}, ${spdy ? 'SPDY/3.1' : 'WebSocket'}`,
    family: 'kubernetes',
    layer,
    probe: (places, marker) => probe(places, marker, spdy),
    reached,
  }));
}

export const kubernetes: readonly Attempt[] = [
  making('uninjected-pod', 'a pod without a sidecar', () => pod()),
  making('opted-out-pod', 'a pod that asks for no injection', () => pod({}, { 'cairn.dev/inject': 'false' })),
  making('host-network-pod', "a pod on the node's network", () => pod({ hostNetwork: true })),
  making('privileged-pod', 'a privileged container', () => pod({}, {}, { securityContext: { privileged: true } })),
  making('host-path-pod', "a pod with the node's files", () => pod({ volumes: [{ name: 'node', hostPath: { path: '/' } }] })),
  making('sidecar-user-pod', "a pod of the sidecar's user", ({ sidecarUid }) => pod({ securityContext: { runAsUser: sidecarUid } })),
  making('user-namespace-pod', "a pod with a user namespace, whose image may name the sidecar's user", () => pod({ hostUsers: false })),
  asked({
    id: 'elsewhere-pod',
    title: 'a pod in a namespace that is not enrolled',
    layer: 'L1 sidecar',
    path: ({ elsewhere }) => `${pods(elsewhere)}?${DRY_RUN}`,
    object: () => pod(),
  }),
  asked({
    id: 'ephemeral-container',
    title: 'an ephemeral container in its own pod',
    method: 'PATCH',
    path: ({ namespace, pod: name }) => `${pods(namespace)}/${name}/ephemeralcontainers?${DRY_RUN}`,
    type: STRATEGIC_PATCH,
    object: () => ephemeral,
  }),
  ...both(
    'exec-sidecar',
    "exec into its own pod's sidecar",
    DONE,
    ({ namespace, pod: name }, _, spdy) => kubectl(EXEC, spdy, namespace, name, 'cairn-sidecar', 'node -v'),
    'L0 admission',
  ),
  ...both(
    'exec-agent',
    'exec into an agent of its namespace',
    DONE,
    ({ namespace, pod: name }, _, spdy) => kubectl(EXEC, spdy, namespace, name, 'user', 'node -v'),
    'L0 admission',
  ),
  ...both(
    'exec-tunnel',
    'exec into a pod elsewhere, as a tunnel',
    UPSTREAM,
    ({ elsewhere }, marker, spdy) => kubectl(EXEC_TUNNEL, spdy, elsewhere, marker),
    'L1 sidecar',
  ),
  ...both(
    'forward-tunnel',
    'port-forward to a pod elsewhere, as a tunnel',
    UPSTREAM,
    ({ elsewhere }, marker, spdy) => kubectl(FORWARD_TUNNEL, spdy, elsewhere, spdy ? '18081' : '18082', marker),
    'L1 sidecar',
  ),
  asked({
    id: 'pod-proxy',
    title: 'the API server as a proxy to a pod elsewhere',
    layer: 'L1 sidecar',
    method: 'GET',
    path: ({ elsewhere }, marker) => `${pods(elsewhere)}/upstream:8080/proxy/${marker}`,
    reached: UPSTREAM,
  }),
  asked({
    id: 'service-proxy',
    title: 'the API server as a proxy to a Service elsewhere',
    layer: 'L1 sidecar',
    method: 'GET',
    path: ({ elsewhere }, marker) => `${namespaced('api/v1', 'services', elsewhere)}/upstream:80/proxy/${marker}`,
    reached: UPSTREAM,
  }),
  asked({
    id: 'relabel',
    title: 'taking the label off its own pod',
    method: 'PATCH',
    path: ({ namespace, pod: name }) => `${pods(namespace)}/${name}?${DRY_RUN}`,
    type: MERGE_PATCH,
    object: () => ({ metadata: { labels: { 'cairn.dev/agent': null } } }),
  }),
  asked({
    id: 'unenrol',
    title: 'taking the label off its namespace',
    layer: 'L1 sidecar',
    method: 'PATCH',
    path: ({ namespace }) => `/api/v1/namespaces/${namespace}?${DRY_RUN}`,
    type: MERGE_PATCH,
    object: () => ({ metadata: { labels: { 'cairn.dev/enroll': null } } }),
  }),
  asked({
    id: 'open-network-policy',
    title: 'a NetworkPolicy that lets it out',
    path: (places) => `${networkPolicies(places)}?${DRY_RUN}`,
    object: () => opening,
  }),
  asked({
    id: 'patch-network-policy',
    title: 'patching the NetworkPolicy around it',
    method: 'PATCH',
    path: (places) => `${networkPolicies(places)}/cairn-default-deny?${DRY_RUN}`,
    type: MERGE_PATCH,
    object: () => ({ spec: { egress: [{}] } }),
  }),
  asked({
    id: 'delete-network-policy',
    title: 'deleting the NetworkPolicy around it',
    method: 'DELETE',
    path: (places) => `${networkPolicies(places)}/cairn-default-deny?${DRY_RUN}`,
  }),
  asked({
    id: 'request-own-token',
    title: 'a token of its own service account',
    path: ({ namespace }) => `${namespaced('api/v1', 'serviceaccounts', namespace)}/agents/token`,
    object: () => tokenRequest,
  }),
  asked({
    id: 'request-token',
    title: "a token of another service account's",
    path: ({ namespace }) => `${namespaced('api/v1', 'serviceaccounts', namespace)}/other/token`,
    object: () => tokenRequest,
  }),
  {
    id: 'read-credential',
    title: "the Secret of a target's credential",
    family: 'kubernetes',
    layer: 'L1 sidecar',
    probe: ({ namespace, credential }) => ({ kind: 'command', argv: ['sh', '-c', READ_SECRET, 'sh', namespace, credential] }),
    reached: DONE,
  },
];
