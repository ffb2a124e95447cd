/** Cairn's webhook over policies and pods in memory, as it stands in the operator. Arguments: certificate file, key file. Prints its URL. */
import { readFileSync } from 'node:fs';
import { parsePolicies } from '@cairn/crds';
import { generateSigningKey } from '@cairn/identity';
import { createAdmissionServer, DEFAULT_SETTINGS } from '@cairn/operator';
import { Registry } from 'prom-client';

const POLICIES = 20;
const [certFile, keyFile] = process.argv.slice(2);
const text = Array.from(
  { length: POLICIES },
  (_, index) => `apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: policy-${index}, namespace: research}
spec:
  selector: {matchLabels: {team: team-${index}}}
  identity: {required: true, maxDepth: 5}
  targets:
  - {name: orders, protocol: postgres, hosts: [orders.data.svc], port: 5432, credential: {secret: orders-rw}}
  - {name: crm, protocol: http, hosts: [crm.sales.svc], port: 80, credential: {bearerSecret: {name: crm, key: token}}}
  default: {action: Allow, level: Metadata}
  undeclared: Deny
`,
).join('---\n');
const { policies, problems } = parsePolicies(text, 'policies');
if (problems.length > 0) throw new Error(problems[0]!.message);

const current = await generateSigningKey();
const jwks = { keys: [current.publicJwk] };
const server = createAdmissionServer({
  cluster: {
    podKind: () => undefined,
    launchOfPod: () => undefined,
    launch: () => undefined,
    serves: () => false,
    isExplicit: () => false,
    heard: () => Promise.resolve(),
    isAgentServiceAccount: () => false,
    policies: () => policies,
    namespaceLabels: () => undefined,
    version: () => ({ major: 1, minor: 35 }),
  },
  settings: () => DEFAULT_SETTINGS,
  keys: { current, jwks: () => jwks, rotate: () => Promise.reject(new Error('these keys stay')) },
  issuer: 'https://cairn-operator.cairn-system.svc:8443',
  trusted: [],
  event: () => undefined,
  log: (entry) => void process.stderr.write(`${JSON.stringify(entry)}\n`),
  registry: new Registry(),
});
const tls = { cert: readFileSync(certFile!, 'utf8'), key: readFileSync(keyFile!, 'utf8') };
process.stdout.write(`${await server.listen({ host: '127.0.0.1', port: 0, tls })}\n`);
