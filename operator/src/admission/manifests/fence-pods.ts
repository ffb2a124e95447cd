/** The fence around agents' pods, in CEL. */
import { AGENT_LABEL, API_TOKEN_VOLUME, DEFAULT_SETTINGS, TOKEN_VOLUME, WORKLOAD_AUDIENCE } from '../../inject/index.js';
import { isAgent, isSidecarUid, rule, type Fence, type FenceOptions } from './fence-terms.js';

const OURS = "['cairn-capture', 'cairn-sidecar']";
const FIXED = DEFAULT_SETTINGS.sidecarUid;

/** No capability, no privilege, no UID of sidecars. */
const hardened = (c: string): string =>
  [
    `has(${c}.securityContext)`,
    `has(${c}.securityContext.allowPrivilegeEscalation) && !${c}.securityContext.allowPrivilegeEscalation`,
    `!(has(${c}.securityContext.privileged) && ${c}.securityContext.privileged)`,
    `has(${c}.securityContext.capabilities) && has(${c}.securityContext.capabilities.drop) && 'ALL' in ${c}.securityContext.capabilities.drop`,
    `!(has(${c}.securityContext.capabilities.add) && size(${c}.securityContext.capabilities.add) > 0)`,
    `!(has(${c}.securityContext.procMount) && ${c}.securityContext.procMount != 'Default')`,
    `(!has(${c}.securityContext.runAsUser) || (${c}.securityContext.runAsUser != ${FIXED} && !${isSidecarUid(`${c}.securityContext.runAsUser`)}))`,
  ].join(' && ');

/** Of our volumes agents see one, and can't write to it. */
const mountsLittle = (c: string): string =>
  `(!has(${c}.volumeMounts) || ${c}.volumeMounts.all(m, !m.name.startsWith('cairn-') || (m.name == 'cairn-agent' && has(m.readOnly) && m.readOnly)))`;

/** What of the sidecar must be ours, or it would be anybody's program with everybody's credentials. */
function sidecar({ sidecarImage, operatorUrl }: FenceOptions): string {
  const uid = 's.securityContext.runAsUser';
  return [
    "s.name == 'cairn-sidecar' && has(s.restartPolicy) && s.restartPolicy == 'Always'",
    `s.image == '${sidecarImage}' && s.command == ['node', 'sidecar/dist/main.js'] && !has(s.args) && !has(s.envFrom) && !has(s.lifecycle)`,
    "s.env.all(e, e.name.startsWith('CAIRN_') && e.name != 'CAIRN_RESOLVE_FILE')",
    `s.env.exists_one(e, e.name == 'CAIRN_OPERATOR_URL' && has(e.value) && e.value == '${operatorUrl}') && s.env.exists_one(e, e.name == 'CAIRN_OPERATOR_URL')`,
    "s.volumeMounts.all(m, m.name.startsWith('cairn-'))",
    `has(s.securityContext) && has(${uid}) && (${uid} == ${FIXED} || ${isSidecarUid(uid)})`,
    "!(has(s.securityContext.privileged) && s.securityContext.privileged) && s.securityContext.capabilities.drop == ['ALL'] && !has(s.securityContext.capabilities.add)",
  ].join(' && ');
}

/** Capture exempts one UID: the sidecar's. */
function capture({ sidecarImage }: FenceOptions): string {
  return [
    "c.name != 'cairn-capture'",
    [
      `c.image == '${sidecarImage}' && c.command == ['node', 'sidecar/dist/capture/main.js'] && !has(c.args) && !has(c.envFrom)`,
      "c.env.all(e, e.name.startsWith('CAIRN_')) && !has(c.volumeMounts)",
      "c.env.exists_one(e, e.name == 'CAIRN_SIDECAR_UID') && c.env.all(e, e.name != 'CAIRN_SIDECAR_UID' || variables.inits.exists(s, s.name == 'cairn-sidecar' && e.value == string(s.securityContext.runAsUser)))",
      "c.securityContext.capabilities.add == ['NET_ADMIN'] && !(has(c.securityContext.privileged) && c.securityContext.privileged)",
    ].join(' && '),
  ].join(' || ');
}

const namesUser = (of: string): string => `(has(${of}.securityContext) && has(${of}.securityContext.runAsUser))`;

const host = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace']
  .map((key) => `!(has(object.spec.${key}) && object.spec.${key})`)
  .join(' && ');

/** Tokens for us and for the API server are in the sidecar's own volumes, which agents may not mount. */
const tokenSource = [
  '!has(s.serviceAccountToken)',
  `(!has(s.serviceAccountToken.audience) || s.serviceAccountToken.audience == '' ? v.name == '${API_TOKEN_VOLUME}' : (s.serviceAccountToken.audience != '${WORKLOAD_AUDIENCE}' || v.name == '${TOKEN_VOLUME}'))`,
].join(' || ');
const tokenVolume = `!has(v.projected) || !has(v.projected.sources) || v.projected.sources.all(s, ${tokenSource})`;

/** A pod of an enrolled namespace: sidecar first, everything else behind it. */
export function agentPods(options: FenceOptions): Fence {
  return {
    name: 'cairn-agent-pods',
    rules: [rule('', ['pods'], ['CREATE'])],
    variables: [
      { name: 'inits', expression: 'has(object.spec.initContainers) ? object.spec.initContainers : []' },
      { name: 'agents', expression: `object.spec.containers + variables.inits.filter(c, !(c.name in ${OURS}))` },
    ],
    validations: [
      {
        expression: `has(object.metadata.labels) && '${AGENT_LABEL}' in object.metadata.labels`,
        message: `a pod of an enrolled namespace carries the label ${AGENT_LABEL}, which injection sets`,
      },
      {
        expression: `variables.inits.exists_one(s, ${sidecar(options)})`,
        message: 'a pod of an enrolled namespace has the sidecar as injection renders it',
      },
      {
        expression: `variables.inits.filter(c, c.name == 'cairn-capture').all(c, ${capture(options)})`,
        message: 'the capture container is as injection renders it',
      },
      {
        expression:
          "size(variables.inits) > 0 && (variables.inits[0].name == 'cairn-sidecar' || (size(variables.inits) > 1 && variables.inits[0].name == 'cairn-capture' && variables.inits[1].name == 'cairn-sidecar'))",
        message: 'no container of the agent starts before its sidecar',
      },
      {
        expression: `variables.agents.all(c, ${hardened('c')})`,
        message: "agents' containers drop all capabilities, may not gain privileges, and do not run as a sidecar's user",
      },
      {
        expression: `!has(object.spec.securityContext) || !has(object.spec.securityContext.runAsUser) || (object.spec.securityContext.runAsUser != ${FIXED} && !${isSidecarUid('object.spec.securityContext.runAsUser')})`,
        message: "the pod's user is not a sidecar's",
      },
      {
        expression: `!(has(object.spec.hostUsers) && !object.spec.hostUsers) || ${namesUser('object.spec')} || variables.agents.all(c, ${namesUser('c')})`,
        message: "in a user namespace of its own the sidecar's user is known: the pod or each of its containers names its user",
      },
      { expression: host, message: "an agent's pod shares neither the node's namespaces nor one process namespace" },
      {
        expression: 'has(object.spec.automountServiceAccountToken) && !object.spec.automountServiceAccountToken',
        message: "an agent's pod has no token of its service account",
      },
      {
        expression: `variables.agents.all(c, ${mountsLittle('c')})`,
        message: "agents mount none of the sidecar's volumes but cairn-agent, read-only",
      },
      {
        expression: `!has(object.spec.volumes) || object.spec.volumes.all(v, !has(v.hostPath) && (${tokenVolume}))`,
        message: "an agent's pod has neither folders of its node nor tokens of the API server",
      },
    ],
  };
}

const imagesOf = (list: string): string => {
  const has = (object: string): string => `(has(${object}.spec.${list}) ? ${object}.spec.${list}.map(c, c.image) : [])`;
  return `${has('object')} == ${has('oldObject')}`;
};
const labelOf = (object: string): string =>
  `(has(${object}.metadata.labels) && '${AGENT_LABEL}' in ${object}.metadata.labels ? ${object}.metadata.labels['${AGENT_LABEL}'] : '')`;
const annotationOf = (object: string, key: string): string =>
  `(has(${object}.metadata.annotations) && '${key}' in ${object}.metadata.annotations ? ${object}.metadata.annotations['${key}'] : '')`;

/** Network policies select agents by their label; the launch rests on images and annotations. */
export function podUpdates(): Fence {
  const kept = ['cairn.dev/policy', 'cairn.dev/agent', 'cairn.dev/grant'].map(
    (key) => `${annotationOf('object', key)} == ${annotationOf('oldObject', key)}`,
  );
  return {
    name: 'cairn-pod-updates',
    rules: [rule('', ['pods'], ['UPDATE'])],
    validations: [
      { expression: `${labelOf('object')} == ${labelOf('oldObject')}`, message: `the label ${AGENT_LABEL} of a pod does not change` },
      {
        expression: `${labelOf('oldObject')} == '' || (${[imagesOf('containers'), imagesOf('initContainers'), ...kept].join(' && ')})`,
        message: "an agent's pod keeps its images and what its launch rests on; replace the pod",
      },
    ],
  };
}

export function ephemeralContainers({ namespace }: FenceOptions): Fence {
  const added =
    'object.spec.ephemeralContainers.filter(c, !has(oldObject.spec.ephemeralContainers) || !oldObject.spec.ephemeralContainers.exists(o, o.name == c.name))';
  return {
    name: 'cairn-ephemeral-containers',
    rules: [rule('', ['pods/ephemeralcontainers'], ['UPDATE'])],
    variables: [isAgent(namespace), { name: 'added', expression: `has(object.spec.ephemeralContainers) ? ${added} : []` }],
    validations: [
      { expression: '!variables.agent', message: 'agents may not reach into pods; ask a person to debug' },
      {
        expression: `variables.added.all(c, ${hardened('c')} && ${mountsLittle('c')})`,
        message: "ephemeral containers drop all capabilities, and see nothing of the sidecar's",
      },
      {
        expression: `variables.added.all(c, !c.name.startsWith('cairn-') && (!has(c.targetContainerName) || !(c.targetContainerName in ${OURS})))`,
        message: 'ephemeral containers do not join the processes of the sidecar',
      },
    ],
  };
}
