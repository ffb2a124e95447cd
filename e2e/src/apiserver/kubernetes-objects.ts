/** Objects of many kinds with whatever protobuf and JSON write differently: inline structs, quantities, ports by name, bytes, times, schemas. */
export const RICH_NAMESPACE = 'rich';

const metadata = (name: string): object => ({ name, namespace: RICH_NAMESPACE, labels: { app: name }, annotations: { note: 'é "1"' } });

const PROBE = { httpGet: { path: '/ready', port: 'http', httpHeaders: [{ name: 'X-A', value: '' }] }, periodSeconds: 3 };
const CONTAINER = {
  name: 'main',
  image: 'registry.example/web:1',
  command: ['serve', ''],
  ports: [{ name: 'http', containerPort: 8080 }],
  env: [
    { name: 'PLAIN', value: 'x' },
    { name: 'EMPTY', value: '' },
    { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'password', optional: true } } },
    { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
  ],
  envFrom: [{ prefix: 'P_', configMapRef: { name: 'settings' } }],
  resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '1500m', memory: '1Gi', 'example.com/gpu': '2' } },
  readinessProbe: PROBE,
  livenessProbe: { tcpSocket: { port: 8080 }, initialDelaySeconds: 0 },
  lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
  securityContext: { runAsUser: 0, runAsNonRoot: false, capabilities: { drop: ['ALL'] } },
  volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: true }],
};
const POD_SPEC = {
  containers: [CONTAINER, { name: 'bare', image: 'registry.example/bare:1' }],
  initContainers: [{ name: 'first', image: 'registry.example/init:1', restartPolicy: 'Always' }],
  volumes: [
    { name: 'data', emptyDir: { sizeLimit: '1Gi' } },
    { name: 'none', emptyDir: {} },
    { name: 'settings', configMap: { name: 'settings', defaultMode: 0o440, items: [{ key: 'a', path: 'a' }] } },
    {
      name: 'tokens',
      projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }, { secret: { name: 'keys' } }] },
    },
    { name: 'info', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  ],
  tolerations: [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 }],
  affinity: {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] } } },
      ],
    },
  },
  terminationGracePeriodSeconds: 0,
};
const TEMPLATE = { metadata: { labels: { app: 'web' } }, spec: POD_SPEC };
const SELECTOR = { matchLabels: { app: 'web' } };
const EVENT = { involvedObject: { kind: 'Pod', name: 'web', namespace: RICH_NAMESPACE }, reason: 'Tried', message: 'it', type: 'Normal' };

const SCHEMA = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 0, maximum: 10.5, default: 3 },
        names: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, 'x-kubernetes-list-type': 'set' },
        free: { type: 'object', additionalProperties: { type: 'string' } },
        any: { 'x-kubernetes-preserve-unknown-fields': true },
        port: { 'x-kubernetes-int-or-string': true, default: 'http' },
        when: { type: 'string', format: 'date-time', nullable: true },
      },
      'x-kubernetes-validations': [{ rule: 'self.size < 9', message: 'too large' }],
    },
  },
};

/** Applied by an administrator. */
export const RICH_OBJECTS: readonly object[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: RICH_NAMESPACE } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('default'), automountServiceAccountToken: false },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('settings'),
    data: { a: '1', empty: '', __proto__x: '2' },
    binaryData: { b: '/w==' },
  },
  { apiVersion: 'v1', kind: 'Secret', metadata: metadata('keys'), data: { password: 'c2VzYW1l', empty: '' }, immutable: false },
  { apiVersion: 'v1', kind: 'Pod', metadata: metadata('web'), spec: POD_SPEC },
  { apiVersion: 'v1', kind: 'Pod', metadata: metadata('bare'), spec: { containers: [{ name: 'c', image: 'registry.example/c:1' }] } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('web'),
    spec: {
      selector: { app: 'web' },
      ports: [
        { port: 80, targetPort: 'http' },
        { name: 'b', port: 81, targetPort: 8081 },
      ].map((each, index) => ({ ...each, name: `p${index}` })),
    },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/tmp', type: '' },
      claimRef: { name: 'c', namespace: RICH_NAMESPACE },
    },
  },
  { apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('quota'), spec: { hard: { pods: '10', 'requests.cpu': '0.5' } } },
  {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: metadata('range'),
    spec: { limits: [{ type: 'Container', default: { cpu: '250m' } }] },
  },
  { apiVersion: 'v1', kind: 'Event', metadata: metadata('old'), ...EVENT, firstTimestamp: '2026-01-02T03:04:05Z', count: 2 },
  {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: metadata('new'),
    eventTime: '2026-01-02T03:04:05.000607Z',
    action: 'Try',
    reason: 'Tried',
    type: 'Normal',
    reportingController: 'example.com/c',
    reportingInstance: 'c-1',
    regarding: { kind: 'Pod', name: 'web', namespace: RICH_NAMESPACE },
    series: { count: 2, lastObservedTime: '2026-01-02T03:04:05.100000Z' },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata('web'),
    spec: { replicas: 0, selector: SELECTOR, template: TEMPLATE, strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } } },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: metadata('rev'),
    revision: 1,
    data: { spec: { replicas: 1, list: [null, 1.5] } },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata('db'),
    spec: {
      serviceName: 'db',
      selector: SELECTOR,
      template: TEMPLATE,
      volumeClaimTemplates: [
        { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
      ],
    },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: metadata('nightly'),
    spec: {
      schedule: '0 3 * * *',
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ ...CONTAINER, volumeMounts: [] }] } } },
      },
    },
  },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadata('web'),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 3,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '500m' } } }],
      behavior: { scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 10, periodSeconds: 60 }] } },
    },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadata('web'),
    spec: {
      rules: [
        {
          host: 'a.example',
          http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] },
        },
        { host: 'b.example' },
      ],
      tls: [{ hosts: ['a.example'], secretName: 'tls' }],
    },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata('fence'),
    spec: {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        {
          to: [{ ipBlock: { cidr: '10.0.0.0/8' } }],
          ports: [
            { port: 'dns', protocol: 'UDP' },
            { port: 53, endPort: 54 },
          ],
        },
        {},
      ],
    },
  },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: metadata('web'), spec: { minAvailable: '50%', selector: SELECTOR } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'nothing' }, rules: [] },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: metadata('some'),
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  },
  {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: metadata('lead'),
    spec: { holderIdentity: 'a', renewTime: '2026-01-02T03:04:05.678900Z', leaseDurationSeconds: 15 },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata('web'),
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: false } }],
    ports: [{ name: '', port: 80 }],
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'fast' },
    provisioner: 'example.com/disk',
    parameters: { kind: 'ssd' },
  },
  { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'low' }, value: -5, description: '' },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'hook' },
    webhooks: [
      {
        name: 'hook.example.com',
        clientConfig: { url: 'https://127.0.0.1:1/', caBundle: '' },
        rules: [{ apiGroups: ['none.example'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nothings'] }],
        sideEffects: 'None',
        failurePolicy: 'Ignore',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 1,
      },
    ],
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      names: { kind: 'Thing', plural: 'things' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: SCHEMA },
          subresources: { status: {} },
          additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
        },
      ],
    },
  },
];
