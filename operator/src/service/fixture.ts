/** For tests: an OpenID Connect issuer on a free port, a cluster's keys, three agents' pods, and the service over them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Bundle } from '@cairn/crds';
import {
  createWorkloadVerifier,
  generateSigningKey,
  mintWorkloadToken,
  signJwt,
  type PodReference,
  type SigningKey,
} from '@cairn/identity';
import { fileStores } from './files/stores.js';
import type { AgentDescription, OperatorServiceOptions } from './options.js';
import { createOperatorService, type OperatorService } from './service.js';

export const PEOPLE = {
  alice: { sub: 'u-alice', email: 'alice@example.com', groups: ['analysts'] },
  bob: { sub: 'u-bob', email: 'bob@example.com', groups: ['db-owners'] },
  carol: { sub: 'u-carol', email: 'carol@example.com', groups: ['db-owners', 'cairn-admins'] },
  dave: { sub: 'u-dave', email: 'dave@example.com', groups: ['interns'] },
} as const;
export type Person = keyof typeof PEOPLE;

const CLUSTER = 'https://kubernetes.default.svc';
const seconds = (): number => Math.floor(Date.now() / 1000);

export interface Fixture {
  service: OperatorService;
  url: string;
  /** Content of every bundle; change it and call service.bundlesChanged(). */
  bundle: { version: string; policies: Bundle['policies'] };
  idToken(person: Person, claims?: Record<string, unknown>): Promise<string>;
  workloadToken(agent: string): Promise<string>;
  post(path: string, body: unknown, token?: string): Promise<Response>;
  get(path: string, token?: string, headers?: Record<string, string>): Promise<Response>;
  exchange(subject: string, subjectType: string, agent: string, more?: Record<string, string>): Promise<Response>;
  /** Stops the service and starts another one over the same state. */
  restart(): Promise<void>;
  readonly stateFolder: string;
  /** What the service was made of, for a further replica. */
  readonly options: OperatorServiceOptions;
}

export function podOf(agent: string): PodReference {
  return { namespace: 'research', name: `${agent}-0`, uid: `uid-${agent}` };
}

async function startIssuer(t: TestContext, key: SigningKey): Promise<string> {
  const server = createServer((request, response) => {
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const discovery = { issuer, jwks_uri: `${issuer}/jwks` };
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify(request.url === '/jwks' ? { keys: [key.publicJwk] } : discovery));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const AGENTS = new Map<string, AgentDescription>(
  ['planner', 'researcher', 'sql-writer', 'fourth'].map((name) => [
    podOf(name).uid,
    { name, namespace: 'research', maxDepth: 3, allowLoops: false },
  ]),
);

export async function startFixture(t: TestContext, more: Partial<OperatorServiceOptions> = {}): Promise<Fixture> {
  const [idpKey, clusterKey] = [await generateSigningKey(), await generateSigningKey()];
  const issuer = await startIssuer(t, idpKey);
  const stateFolder = await mkdtemp(join(tmpdir(), 'cairn-operator-'));
  const bundle: Fixture['bundle'] = { version: '1', policies: [] };
  let service: OperatorService;
  const options: OperatorServiceOptions = {
    stores: fileStores(stateFolder),
    workloads: createWorkloadVerifier({ issuer: CLUSTER, jwks: { keys: [clusterKey.publicJwk] } }),
    providers: [{ oidc: { issuer, audiences: ['cairn'], groupsClaim: 'groups', usernameClaim: 'email' } }],
    bundleFor: () => ({ ...bundle, providers: [], tokenService: service.tokenService() }),
    agentOf: (pod) => AGENTS.get(pod.uid),
    adminGroups: ['cairn-admins'],
    log: () => undefined,
    ...more,
  };
  service = await createOperatorService(options);
  let url = await service.listen();
  t.after(async () => {
    await service.close();
    await rm(stateFolder, { recursive: true });
  });
  const headersOf = (token: string | undefined): Record<string, string> => (token ? { authorization: `Bearer ${token}` } : {});
  const fixture: Fixture = {
    get service() {
      return service;
    },
    get url() {
      return url;
    },
    bundle,
    stateFolder,
    options,
    idToken: (person, claims = {}) =>
      signJwt(idpKey, 'JWT', { iss: issuer, aud: 'cairn', iat: seconds(), exp: seconds() + 600, ...PEOPLE[person], ...claims }),
    workloadToken: (agent) =>
      mintWorkloadToken(
        clusterKey,
        { pod: podOf(agent), serviceAccount: agent },
        { issuer: CLUSTER, now: seconds(), lifetimeSeconds: 600 },
      ),
    post: (path, body, token) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json', ...headersOf(token) },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path, token, headers = {}) => fetch(url + path, { headers: { ...headersOf(token), ...headers } }),
    async exchange(subject, subjectType, agent, parameters = {}) {
      const form = {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: subject,
        subject_token_type: `urn:ietf:params:oauth:token-type:${subjectType}`,
        actor_token: await fixture.workloadToken(agent),
        actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        ...parameters,
      };
      return fetch(`${url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
    },
    async restart() {
      await service.close();
      service = await createOperatorService(options);
      url = await service.listen({ port: Number(new URL(url).port) });
    },
  };
  return fixture;
}
