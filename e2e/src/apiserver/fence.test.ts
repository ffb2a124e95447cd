/**
 * What an installation lets through, as somebody with kubectl tries it: while the operator runs, while it is stopped, and after its webhooks
 * were deleted. The fence's terms, one by one, are admission-fence.test.ts's.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AgentLaunch } from '@cairn/crds';
import { install, type Installation } from './installation.js';
import { SIDECAR_IMAGE } from './replica.js';
import { AGENTS, create, enroll, exchange, launch, pod, podOf, RESEARCH, type StoredPod } from './research.js';
import { until } from '../harness/until.js';

const SIDECAR = 'cairn-sidecar';
const GRANT = 'cairn.dev/grant';
const container = (securityContext: object) => [{ name: 'agent', image: 'registry.example/agent:1', securityContext }];
const debug = (securityContext: object, target?: string) => ({
  spec: {
    ephemeralContainers: [
      { name: 'debugger', image: 'registry.example/debug:1', securityContext, ...(target ? { targetContainerName: target } : {}) },
    ],
  },
});

/** Every way around the sidecar that somebody who may do everything in the namespace could try. */
interface WayIn {
  name: string;
  args: readonly string[];
  input?: object;
}

function waysIn(agent: StoredPod, fence: string, written: AgentLaunch): WayIn[] {
  const { name } = agent.metadata;
  const spec = (change: object, meta: object = {}): object => {
    const made = pod('way-in', change);
    return { ...made, metadata: { ...made.metadata, ...meta } };
  };
  const created = (what: string, input: object): WayIn => ({ name: what, args: ['create', '-f', '-'], input });
  const ephemeral = (what: string, patch: object): WayIn => ({
    name: what,
    args: ['patch', 'pod', name, '-n', RESEARCH, '--subresource=ephemeralcontainers', '--type=strategic', '-p', JSON.stringify(patch)],
  });
  const handmade = { name: SIDECAR, image: 'registry.example/fake:1', restartPolicy: 'Always' };
  return [
    created('a pod without a sidecar', spec({})),
    created('a pod that says it wants none', spec({}, { annotations: { 'cairn.dev/inject': 'false' } })),
    created('a privileged container', spec({ containers: container({ privileged: true }) })),
    created('a container with NET_ADMIN', spec({ containers: container({ capabilities: { add: ['NET_ADMIN'] } }) })),
    created('a container that may gain privileges', spec({ containers: container({ allowPrivilegeEscalation: true }) })),
    created("the node's network", spec({ hostNetwork: true })),
    created("the node's processes", spec({ hostPID: true })),
    created("the node's files", spec({ volumes: [{ name: 'root', hostPath: { path: '/' } }] })),
    created("a container under a sidecar's UID", spec({ containers: container({ runAsUser: 2_000_000_001 }) })),
    created('a sidecar of their own making', spec({ initContainers: [handmade] })),
    created(
      "a stamp and a label copied from an agent's pod",
      spec({}, { labels: agent.metadata.labels, annotations: agent.metadata.annotations }),
    ),
    ephemeral('a privileged ephemeral container', debug({ privileged: true })),
    ephemeral('an ephemeral container with NET_ADMIN', debug({ capabilities: { add: ['NET_ADMIN'] } })),
    ephemeral("an ephemeral container under the sidecar's UID", debug({ runAsUser: sidecarUid(agent) }, SIDECAR)),
    { name: "taking the agent's label off", args: ['label', 'pod', name, '-n', RESEARCH, 'cairn.dev/agent-'] },
    { name: "another agent's name", args: ['label', 'pod', name, '-n', RESEARCH, 'cairn.dev/agent=other', '--overwrite'] },
    {
      name: "another sidecar's image",
      args: [
        'patch',
        'pod',
        name,
        '-n',
        RESEARCH,
        '-p',
        JSON.stringify({ spec: { initContainers: [{ name: SIDECAR, image: 'registry.example/fake:1' }] } }),
      ],
    },
    { name: 'deleting the fence', args: ['delete', 'networkpolicy', fence, '-n', RESEARCH] },
    {
      name: 'opening the fence',
      args: ['patch', 'networkpolicy', fence, '-n', RESEARCH, '--type=merge', '-p', JSON.stringify({ spec: { egress: [{}] } })],
    },
    {
      name: "a copy of the sidecars' token",
      args: ['create', 'token', AGENTS, '-n', RESEARCH, '--audience=cairn.dev', '--bound-object-kind=Pod', `--bound-object-name=${name}`],
    },
    created('a launch of their own writing', {
      apiVersion: 'cairn.dev/v1alpha1',
      kind: 'AgentLaunch',
      metadata: { name: '019a0000-0000-7000-8000-000000000000', namespace: RESEARCH },
      spec: written.spec,
    }),
    { name: 'leaving the enrolment', args: ['label', 'namespace', RESEARCH, 'cairn.dev/enroll-'] },
  ];
}

function sidecarUid({ spec }: StoredPod): number {
  const { securityContext } = spec.initContainers!.find(({ name }) => name === SIDECAR) as unknown as {
    securityContext: { runAsUser: number };
  };
  return securityContext.runAsUser;
}

/** Ways that injection closes by rendering the pod as it must be. */
const MENDED = new Set([
  'a pod without a sidecar',
  'a container with NET_ADMIN',
  'a container that may gain privileges',
  'a sidecar of their own making',
  "a stamp and a label copied from an agent's pod",
  'an ephemeral container with NET_ADMIN',
]);

interface Secured {
  name: string;
  image: string;
  securityContext?: { allowPrivilegeEscalation?: boolean; privileged?: boolean; capabilities?: { add?: string[]; drop?: string[] } };
}

/** What of a pod would let its agent around the sidecar, or give it another's launch. */
function harmIn({ metadata, spec }: StoredPod, other: StoredPod): string[] {
  const all = [...(spec.initContainers ?? []), ...spec.containers, ...((spec['ephemeralContainers'] as []) ?? [])] as Secured[];
  const agents = all.filter(({ name }) => !['cairn-capture', SIDECAR].includes(name));
  const sidecars = all.filter(({ name }) => name === SIDECAR);
  const loose = agents.filter(
    ({ securityContext: held }) =>
      held?.allowPrivilegeEscalation !== false ||
      held.privileged ||
      held.capabilities?.add?.length ||
      held.capabilities?.drop?.[0] !== 'ALL',
  );
  return [
    ...loose.map(({ name }) => `${name} is not hardened`),
    ...(sidecars.length === 1 && sidecars[0]!.image === SIDECAR_IMAGE ? [] : ['no sidecar of ours']),
    ...(metadata.uid !== other.metadata.uid && metadata.annotations?.[GRANT] === other.metadata.annotations?.[GRANT]
      ? ['the stamp of another pod']
      : []),
  ];
}

describe('the fence around agents', () => {
  let cairn: Installation;
  let mallory: string;
  let agent: StoredPod;
  let fence: string;
  let written: AgentLaunch;
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    cairn = await install({ after: (end) => void ends.push(end) });
    const { server } = cairn;
    await enroll(server);
    mallory = await server.user('mallory@example.com', ['research']);
    const further = ['--verb=create,patch,update,get,list', '--resource=namespaces,agentlaunches.cairn.dev'];
    await server.kubectl(['create', 'clusterrole', 'mallory', ...further]);
    await server.kubectl(['create', 'clusterrolebinding', 'mallory', '--clusterrole=mallory', '--user=mallory@example.com']);
    await create(server, pod('agent'), await server.user('alice@example.com', ['research']));
    agent = await podOf(server, 'agent');
    written = await launch(cairn, agent);
    fence = await until("the namespace's fence", async () => {
      const { items } = await server.get<{ items: { metadata: { name: string } }[] }>('networkpolicies', '-n', RESEARCH);
      return items[0]?.metadata.name;
    });
  });
  after(async () => {
    for (const end of ends) await end();
  });

  /** The ways that the API server lets through, with what it would store; those that it refuses it refuses for our reasons. */
  async function open(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const { name, args, input } of waysIn(agent, fence, written)) {
      const dryRun = args[1] === 'token' ? args : [...args, '--dry-run=server', '-o', args[0] === 'delete' ? 'name' : 'json'];
      const options = { as: mallory, ...(input ? { input: JSON.stringify(input) } : {}) };
      const { code, stdout, stderr } = await cairn.server.tryKubectl(dryRun, options);
      if (code === 0) found.set(name, stdout);
      else assert.match(stderr, /ValidatingAdmissionPolicy 'cairn-|webhook "[a-z]+\.cairn\.dev"/, name);
    }
    return found;
  }

  const noWay = new Map<string, string>();

  test('a pod that somebody creates comes up behind its sidecar, whatever they wrote', async () => {
    const names = agent.spec.initContainers?.map(({ name }) => name);
    assert.deepEqual(names, ['cairn-capture', SIDECAR]);
    assert.equal(agent.spec.initContainers?.[1]?.restartPolicy, 'Always');
    assert.equal(agent.spec['automountServiceAccountToken'], false);
    assert.equal(agent.metadata.labels?.['cairn.dev/agent'], 'agent');
  });

  test('with the operator running what is not refused comes up harmless', async () => {
    const found = await open();
    for (const [name, stored] of found) assert.deepEqual(harmIn(JSON.parse(stored) as StoredPod, agent), [], name);
    assert.deepEqual(
      [...found.keys()].filter((name) => !MENDED.has(name)),
      [],
    );
  });

  test('with the operator stopped no way in is open', async () => {
    for (const replica of cairn.replicas) await replica.stop();
    assert.deepEqual(await open(), noWay);
  });

  test('with the operator stopped and its webhooks deleted no way in is open either: the API server itself holds the fence', async () => {
    await cairn.server.kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', 'cairn']);
    await until('the API server to forget the webhooks', async () => {
      const { stderr } = await cairn.server.tryKubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(pod('probe')) });
      return !stderr.includes('failed calling webhook');
    });
    assert.deepEqual(await open(), noWay);
  });

  test('namespaces that are not enrolled, kube-system and our own go on without the operator', async () => {
    const { server } = cairn;
    for (const namespace of ['default', 'kube-system', 'cairn-system']) {
      const made = pod('bystander', { serviceAccountName: 'default' }, namespace);
      await server.kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(made) });
    }
  });

  test("a faithful copy of an agent's pod, made while the webhooks are gone, is nobody's launch: its grant is refused", async () => {
    const { server } = cairn;
    const replica = await cairn.start();
    const { labels, annotations } = agent.metadata;
    const copy = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'copy', namespace: RESEARCH, labels, annotations }, spec: agent.spec };
    await create(server, copy, mallory);
    const { status, body } = await exchange(cairn, await server.get<StoredPod>('pod', 'copy', '-n', RESEARCH), { replica });
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(body.error_description!, /for pods of Pod agent, which did not make this one/);
    // The pod that was admitted goes on: it is the copy that is refused.
    assert.equal((await exchange(cairn, agent, { replica })).status, 200);
  });
});
