import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { until } from '../harness/until.js';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { objects, template, type KubernetesObject } from './helm.js';
import { codes, tableBelow } from './markdown.js';
import { CHART, NAMESPACE, RELEASE, repositoryFile } from './repository.js';

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

interface Role extends KubernetesObject {
  rules: Rule[];
}

const OPERATOR = `system:serviceaccount:${NAMESPACE}:cairn-operator`;

let cluster: ApiServer;
let roles: Role[];

const role = (kind: string, name = 'cairn-operator'): Role =>
  roles.find((each) => each.kind === kind && each.metadata.name === name) ?? assert.fail(`the chart has no ${kind} ${name}`);

describe('rights on a real API server', () => {
  const shared = sharedApiServer();
  before(async () => {
    roles = objects(await template([])).filter((each): each is Role => 'rules' in each);
    cluster = shared();
    await cluster.kubectl(['create', 'namespace', 'research']);
    await cluster.helm(['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace']);
  });

  /** What the API server answers to "may they?": `get secrets/x -n research`. */
  async function may(who: string, what: string, ...groups: string[]): Promise<boolean> {
    const as = ['--as', who, ...groups.flatMap((group) => ['--as-group', group])];
    const { stdout } = await cluster.tryKubectl(['auth', 'can-i', ...what.split(' '), ...as]);
    assert.match(stdout, /^(yes|no)/);
    return stdout.startsWith('yes');
  }

  /** A rule as questions: each verb on each resource, by name where the rule has names. */
  function questions({ apiGroups, resources, resourceNames, verbs }: Rule): string[] {
    const group = apiGroups[0] === '' ? '' : `.${apiGroups[0]}`;
    const ask = (verb: string, resource: string, name: string | undefined): string => {
      const [kind, subresource] = resource.split('/');
      return `${verb} ${kind}${group}${name ? `/${name}` : ''}${subresource ? ` --subresource=${subresource}` : ''}`;
    };
    const names = resourceNames ?? [undefined];
    return resources.flatMap((resource) => names.flatMap((name) => verbs.map((verb) => ask(verb, resource, name))));
  }

  describe('docs/operations.md', () => {
    for (const [heading, kind] of [
      ['### In all namespaces', 'ClusterRole'],
      ['### In its own namespace', 'Role'],
    ] as const) {
      test(`lists every right of the operator's ${kind}, with its reason`, () => {
        const rows = tableBelow(repositoryFile('docs/operations.md'), heading);
        for (const [, , , , why] of rows) assert.ok(why, 'every right has a reason');
        const documented = rows.map(([group, resources, names, verbs]) => [group, codes(resources!), codes(names!), codes(verbs!)]);
        const granted = role(kind).rules.map(({ apiGroups, resources, resourceNames, verbs }) => [
          apiGroups[0] === '' ? 'core' : apiGroups[0],
          resources,
          resourceNames ?? [],
          verbs,
        ]);
        assert.deepEqual(documented, granted);
      });
    }
  });

  describe('the operator', () => {
    test('may do what its roles say, as the API server sees it', async () => {
      for (const question of role('ClusterRole').rules.flatMap(questions)) {
        assert.ok(await may(OPERATOR, `${question} -n research`), question);
      }
      for (const question of role('Role').rules.flatMap(questions)) assert.ok(await may(OPERATOR, `${question} -n ${NAMESPACE}`), question);
    });

    const dangerous = [
      'get secrets -A',
      'list secrets -n research',
      'get secrets/orders-rw -n research',
      `list secrets -n ${NAMESPACE}`,
      `get secrets/other -n ${NAMESPACE}`,
      `delete secrets/cairn-signing-keys -n ${NAMESPACE}`,
      'create secrets -n research',
      '* * -A',
      'get * -A',
      '* pods -A',
      'create pods -n research',
      'delete pods -n research',
      'create pods --subresource=exec -n research',
      'create pods --subresource=ephemeralcontainers -n research',
      'create serviceaccounts --subresource=token -n research',
      'create deployments.apps -n research',
      'patch deployments.apps -n research',
      'create configmaps -n research',
      'list configmaps -A',
      'patch configmaps/other -n research',
      'patch namespaces',
      'patch nodes',
      'impersonate users',
      'impersonate groups',
      'impersonate serviceaccounts -A',
      'escalate clusterroles.rbac.authorization.k8s.io',
      'bind clusterroles.rbac.authorization.k8s.io',
      'create clusterrolebindings.rbac.authorization.k8s.io',
      'patch clusterroles.rbac.authorization.k8s.io',
      'create rolebindings.rbac.authorization.k8s.io -n research',
      'patch mutatingwebhookconfigurations.admissionregistration.k8s.io/other',
      'delete mutatingwebhookconfigurations.admissionregistration.k8s.io/cairn',
      'create mutatingwebhookconfigurations.admissionregistration.k8s.io',
      'patch validatingadmissionpolicies.admissionregistration.k8s.io/cairn-agent-pods',
      'delete validatingadmissionpolicybindings.admissionregistration.k8s.io/cairn-agent-pods',
      'list validatingadmissionpolicies.admissionregistration.k8s.io',
      'patch customresourcedefinitions.apiextensions.k8s.io',
      'create certificatesigningrequests.certificates.k8s.io',
      'delete auditstreams.cairn.dev -n research',
      'patch auditpolicies.cairn.dev -n research',
      'create identityproviders.cairn.dev',
    ];
    for (const what of dangerous) {
      test(`may not ${what}`, async () => {
        assert.ok(await may('somebody', what, 'system:masters'), 'the question is understood');
        assert.equal(await may(OPERATOR, what), false);
      });
    }

    test('makes the ConfigMap cairn-ca in any namespace by server-side apply, and no other, nor by create', async () => {
      const map = (name: string): string =>
        JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'research' } });
      const apply = ['apply', '--server-side', '--field-manager=cairn-operator', '--as', OPERATOR, '-f', '-'];
      await cluster.kubectl(apply, { input: map('cairn-ca') });
      const other = await cluster.tryKubectl(apply, { input: map('other') });
      assert.match(other.stderr, /configmaps "other" is forbidden/);
      await cluster.kubectl(['delete', 'configmap', 'cairn-ca', '-n', 'research']);
      const create = await cluster.tryKubectl(['create', '--as', OPERATOR, '-f', '-'], { input: map('cairn-ca') });
      assert.match(create.stderr, /cannot create resource "configmaps"/);
    });

    test('watches cairn-ca alone', async () => {
      const list = (...selector: string[]) =>
        cluster.tryKubectl(['get', 'configmaps', '-n', 'research', '--as', OPERATOR, '-o', 'name', ...selector]);
      assert.equal((await list('--field-selector=metadata.name=cairn-ca')).code, 0);
      assert.match((await list()).stderr, /cannot list resource "configmaps"/);
    });
  });

  describe('people', () => {
    before(async () => {
      const bind = (name: string): Promise<string> =>
        cluster.kubectl(['create', 'rolebinding', name, '-n', 'research', `--clusterrole=${name}`, `--group=${name}s`]);
      for (const name of ['cairn-approver', 'cairn-revoker', 'cairn-auditor', 'view', 'edit', 'admin']) await bind(name);
    });

    const READ = ['get', 'list', 'watch'].flatMap((verb) =>
      ['auditpolicies', 'agentlaunches', 'approvals', 'auditstreams'].map((kind) => `${verb} ${kind}.cairn.dev`),
    );
    const allowed: Record<string, readonly string[]> = {
      'cairn-approver': ['list approvals.cairn.dev', 'patch approvals.cairn.dev', 'update approvals.cairn.dev'],
      'cairn-revoker': ['list agentlaunches.cairn.dev', 'patch agentlaunches.cairn.dev'],
      'cairn-auditor': READ,
      view: READ,
      edit: READ,
      admin: [...READ, 'create auditpolicies.cairn.dev', 'patch auditpolicies.cairn.dev', 'delete auditpolicies.cairn.dev'],
    };
    const changes = ['auditpolicies', 'agentlaunches', 'approvals', 'auditstreams'].flatMap((kind) =>
      ['create', 'patch', 'delete'].map((verb) => `${verb} ${kind}.cairn.dev`),
    );
    const group = (name: string): [string, string, string] => ['somebody', `${name}s`, 'system:authenticated'];

    for (const [name, list] of Object.entries(allowed)) {
      test(`${name} does its own, and changes nothing else`, async () => {
        const [who, ...groups] = group(name);
        // The controller that aggregates roles works beside us.
        for (const what of list) await until(`${name} may ${what}`, () => may(who, `${what} -n research`, ...groups));
        for (const what of changes.filter((each) => !list.includes(each))) {
          assert.equal(await may(who, `${what} -n research`, ...groups), false, what);
        }
      });
    }
  });
});
