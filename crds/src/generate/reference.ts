/** docs/policy-reference.md, from the schemas. */
import { API_VERSION } from '../types.js';
import type { CustomResource } from '../schema/resources.js';
import type { Schema } from '../schema/structural.js';

const EXAMPLE = `    apiVersion: cairn.dev/v1alpha1
    kind: AuditPolicy
    metadata: {name: research, namespace: research}
    spec:
      selector: {matchLabels: {team: research}}
      identity: {required: true, providers: [corp], maxDepth: 5, onAmbiguous: Deny}
      targets:
      - {name: orders, protocol: postgres, hosts: [orders.data.svc], port: 5432, credential: {secret: orders-ro}}
      - {name: crm, protocol: http, hosts: [crm.internal], port: 443, credential: {bearerSecret: {name: crm, key: token}}}
      - {name: cluster, protocol: kubernetes, credential: {serviceAccount: research-agent}}
      rules:
      - {name: no-schema-changes, match: {targets: [orders], verbs: [DROP, TRUNCATE, ALTER]}, action: Deny, reason: schema changes go through migrations}
      - {name: writes, match: {targets: [orders], effects: [write]}, action: RequireApproval, approval: {groups: [db-owners], minimum: 1, timeout: 30m}, delivery: Strict}
      - {name: contacts, match: {targets: [orders, crm]}, action: Allow, level: RequestResponse, mask: [{fields: [email, ssn]}, {detect: [email, payment-card]}]}
      default: {action: Allow, level: Metadata}
      undeclared: Deny`;

const INTRODUCTION = `# Policy reference

<!-- Generated from crds/src/schema by crds/src/generate/main.ts; edit there. -->

An AuditPolicy says what the agents of a namespace may do and what is kept of it; an IdentityProvider says who vouches for
people. Check a file with \`cairn policy check FILE\`, try it with \`cairn policy test FILE --cases CASES\`.

${EXAMPLE}

## How a policy decides
- Every operation is asked by itself; rules are tried in order and **the first that matches decides**. No rule: \`spec.default\`.
- A message of several operations (\`INSERT ...; SELECT ...\`, a CTE that writes) gets the strictest action of all: Deny, then
  RequireApproval, then Allow. Level and delivery are the strongest, masks the union. Two approvals in one message are asked
  of the groups that both rules name, with the higher minimum and the shorter timeout; no such group is a denial.
- A \`when\` that fails at run time (a key that is missing, an index beyond the end) denies, and the reason names the rule.
- \`when\` has no \`matches()\`: a regular expression can take time without bound on text that an agent writes. Use
  \`startsWith\`, \`endsWith\`, \`contains\`, or \`glob\` with a literal pattern: \`operation.resource.glob("public.*")\`. Where no person or
  launch is known, their texts are empty, their lists too, and \`launch.depth\` is 0. all, exists, map and filter do not nest.
- Tables are matched as the statement names them: write \`**.customers\` to mean \`customers\` in any schema and without one.
- \`identity.onAmbiguous: Hold\` asks the approval groups of all rules together, with the highest minimum and the shortest
  timeout among them. \`Record\` lets the rules decide. What cannot be parsed but is recorded is kept with its request, and every
  mask of the policy applies to its result.

## The four words of the Kubernetes API
Targets of the protocol kubernetes are read by the rules that the API server's own authorizer goes by:

- **verb**: \`get\`, \`list\`, \`watch\`, \`create\`, \`update\`, \`patch\`, \`delete\`, \`deletecollection\`. What opens a connection into the
  cluster has a verb of its own, whatever the method: \`pods/exec\`, \`pods/attach\`, \`pods/portforward\`, \`pods/proxy\`,
  \`services/proxy\`, \`nodes/proxy\`.
- **resource**: \`NAMESPACE/RESOURCE.GROUP/NAME\`, with \`/SUBRESOURCE\` behind it: \`research/pods/web-1\`, \`research/deployments.apps/web/scale\`.
  The namespace is \`-\` where the request names none (objects of the cluster, lists over all namespaces): \`-/nodes/worker-1\`.
  The name is empty for a collection and for a create: \`research/secrets/\`. So \`research/**\` is all in a namespace,
  \`*/secrets/**\` every Secret and every list of them, \`**/log\` the logs of all pods. URLs that name no resource stand as
  they are: \`/version\`, \`/apis/apps/v1\`.
- **effect**: read; write; execute for what runs in or reaches into a pod or node (the verbs above, ephemeral containers); admin for
  what changes who may do what: RBAC, admission, CRDs, API services, certificates, NetworkPolicies, namespaces, nodes,
  service accounts and their tokens, and this API group. Reviews (\`kubectl auth can-i\`) read.
- **parameters**: the query (\`labelSelector\`, \`fieldSelector\`, \`dryRun\`, \`fieldManager\`, \`container\`, \`command\`, ...) and \`version\`,
  \`subresource\`, and for a patch \`patch\`: \`json\`, \`merge\`, \`strategic\` or \`apply\`. Of the body (up to 3 MiB): \`kind\` and \`name\` of what
  is created; the fields that a patch \`sets\` and \`removes\` (\`spec.template.spec.containers[name=web].image\`; values stay under seal); the
  \`fields\` of what is updated, two levels deep; \`dryRun\` and \`propagationPolicy\` of a deletion. \`body\` says why one was not read. A
  condition on them: \`operation.parameters.sets.all(f, f == "spec.replicas")\`.

A list over all namespaces shows every namespace: deny \`-/**\` or let the default deny where one namespace is to be out of reach. Values of Secrets
are masked unless the target says \`secretData: Pass\`.

## Trying a policy
\`cairn policy test FILE --cases CASES\` asks it about cases and says what differs; it exits 1 when one fails. A case has one of
\`operation\`, \`operations\` (one message) and \`sql\` (for postgres targets); \`expect\` names only what matters, and \`rule: ""\` is the
policy's own default. Left out, the effect is write and the person is nobody.

    policy: research
    cases:
    - name: schema changes are refused, whoever asks
      target: orders
      sql: DROP TABLE orders
      actor: {root: {name: alice@example.com, groups: [analysts]}}
      expect: {action: Deny, rule: no-schema-changes}
    - name: a write waits for the owners of the database
      target: orders
      operation: {verb: INSERT, resource: orders, effect: write}
      actor: {root: {name: alice@example.com}, launch: {depth: 3}, agent: {name: sql-writer, namespace: research}}
      expect: {action: RequireApproval, approval: {groups: [db-owners]}, delivery: Strict}

## How a pod finds its policy
By the annotation \`cairn.dev/policy\`, else by \`spec.selector\` among the policies of its namespace. Two that match and no
annotation is an error that names both. An empty selector is for every agent of the namespace.
`;

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' \\| ');
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'values'}`;
  if (schema.additionalProperties) return 'map of texts';
  return schema.type === 'string' ? 'text' : schema.type;
}

function bounds({ minimum, maximum, minItems, maxItems, maxLength }: Schema): string {
  if (maximum !== undefined) return maximum === Number.MAX_SAFE_INTEGER ? '' : ` ${minimum ?? 0} to ${maximum}.`;
  if (maxItems !== undefined) return minItems ? ` ${minItems} to ${maxItems} entries.` : ` At most ${maxItems} entries.`;
  return maxLength === undefined ? '' : ` At most ${maxLength} characters.`;
}

function row(name: string, schema: Schema, required: boolean): string {
  const initial = schema.default === undefined ? '' : `\`${JSON.stringify(schema.default).replaceAll('"', '')}\``;
  const description = `${schema.description ?? ''}${bounds(schema)}`.replaceAll('|', '\\|');
  return `| \`${name}\` | ${typeOf(schema)} | ${required ? 'required' : initial} | ${description} |`;
}

function nested(schema: Schema): Schema | undefined {
  if (schema.type === 'array') return schema.items ? nested(schema.items) : undefined;
  return schema.properties ? schema : undefined;
}

function section(path: string, schema: Schema): string[] {
  const properties = Object.entries(schema.properties ?? {});
  const rows = properties.map(([name, property]) => row(name, property, schema.required?.includes(name) ?? false));
  const rules = schema['x-kubernetes-validations']?.map(({ message }) => `- ${message}`) ?? [];
  const lines = [`### ${path}`, '', '| field | type | default | meaning |', '|---|---|---|---|', ...rows, ''];
  if (rules.length > 0) lines.push('Checked:', '', ...rules, '');
  for (const [name, property] of properties) {
    const inner = nested(property);
    if (inner) lines.push(...section(`${path}.${name}${property.type === 'array' ? '[]' : ''}`, inner));
  }
  return lines;
}

/** The whole document. */
export function reference(resources: readonly CustomResource[]): string {
  const parts = resources.flatMap(({ kind, scope, description, spec }) => [
    `## ${kind}`,
    '',
    `\`${API_VERSION}\`, ${scope === 'Cluster' ? 'for the whole cluster' : 'in a namespace'}. ${description}`,
    '',
    ...section('spec', spec),
  ]);
  return `${INTRODUCTION}\n${parts.join('\n').trimEnd()}\n`;
}
