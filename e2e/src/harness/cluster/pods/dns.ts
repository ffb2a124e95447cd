/** The cluster's DNS: CoreDNS behind the Service kube-dns, where network policies expect it. A DaemonSet: a drain leaves it. */
import type { ClusterPlan } from '../plan.js';

export const DNS_IMAGE = 'cairn-test/coredns:latest';

/**
 * A name outside the cluster that is not in the hosts file does not exist: nothing is forwarded. Every query is
 * logged. The order of plugins is that of e2e/go/coredns.
 */
const COREFILE = `.:53 {
  errors
  log
  ready
  hosts /etc/cluster/hosts {
    reload 1s
    ttl 1
    fallthrough
  }
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    ttl 1
    fallthrough in-addr.arpa ip6.arpa
  }
  template ANY ANY . {
    rcode NXDOMAIN
    authority "{{ .Zone }} 1 IN SOA ns.cluster.local. hostmaster.cluster.local. 1 60 60 60 1"
  }
}
`;

const NAMESPACE = 'kube-system';
const LABELS = { 'k8s-app': 'kube-dns' };

/** `hostsFile`: a path on the node, in the form of /etc/hosts. */
export function dnsObjects(plan: ClusterPlan, hostsFile: string): object[] {
  const named = (name: string) => ({ name, namespace: NAMESPACE });
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: named('coredns') },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'system:coredns' },
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'system:coredns' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
      subjects: [{ kind: 'ServiceAccount', ...named('coredns') }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: named('coredns'), data: { Corefile: COREFILE } },
    daemonSet(named('coredns'), hostsFile),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...named('kube-dns'), labels: LABELS },
      spec: {
        selector: LABELS,
        clusterIP: plan.dnsService.v4,
        clusterIPs: [plan.dnsService.v4, plan.dnsService.v6],
        ipFamilyPolicy: 'RequireDualStack',
        ipFamilies: ['IPv4', 'IPv6'],
        ports: ['UDP', 'TCP'].map((protocol) => ({ name: `dns-${protocol.toLowerCase()}`, protocol, port: 53, targetPort: 53 })),
      },
    },
  ];
}

function daemonSet(metadata: object, hostsFile: string): object {
  const container = {
    name: 'coredns',
    image: DNS_IMAGE,
    imagePullPolicy: 'Never',
    command: ['/coredns', '-conf', '/etc/coredns/Corefile'],
    readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/coredns' },
      { name: 'hosts', mountPath: '/etc/cluster/hosts' },
    ],
  };
  const spec = {
    serviceAccountName: 'coredns',
    priorityClassName: 'system-cluster-critical',
    // Port 53 of the pod itself, as kubeadm has it: network policies match behind the Service.
    securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '53' }] },
    dnsPolicy: 'Default',
    containers: [container],
    volumes: [
      { name: 'config', configMap: { name: 'coredns' } },
      { name: 'hosts', hostPath: { path: hostsFile, type: 'File' } },
    ],
  };
  const template = { metadata: { labels: LABELS }, spec };
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec: { selector: { matchLabels: LABELS }, template } };
}
